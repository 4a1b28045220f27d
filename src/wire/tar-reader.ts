import { asBuffer, EMPTY_BYTES, utf8Decode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';

/** One entry as the framing has it: nothing in it has been judged yet. */
export interface RawTarEntry {
  readonly name: string;
  /** The header's type flag; `0` for a file. */
  readonly type: string;
  readonly mode: number;
  /** Undefined if it is out of range. */
  readonly mtimeUs: number | undefined;
  readonly linkName: string;
  /** A view of the body that was read. Empty for all but files. */
  readonly data: Uint8Array;
  readonly pax: PaxRecords;
}

export type PaxRecords = ReadonlyMap<string, string>;

const BLOCK_BYTES = 512;
/** Fields of a header: offset, bytes. */
const NAME = [0, 100] as const;
const MODE = [100, 8] as const;
const SIZE = [124, 12] as const;
const MTIME = [136, 12] as const;
const CHECKSUM = [148, 8] as const;
const LINK_NAME = [157, 100] as const;
const MAGIC = [257, 5] as const;
const PREFIX = [345, 155] as const;
const TYPE_OFFSET = 156;

const SPACE = 0x20;
const ZERO_DIGIT = 0x30;
const SEVEN_DIGIT = 0x37;
/** First byte of a number that GNU tar writes in binary: positive, negative. */
const BINARY = 0x80;
const BINARY_NEGATIVE = 0xff;
const BYTE_RANGE = 0x100n;

const TYPE_FILE = '0';
const TYPE_PAX = 'x';
const TYPE_PAX_GLOBAL = 'g';
const TYPE_LONG_NAME = 'L';
const TYPE_LONG_LINK = 'K';
const TYPE_DIRECTORY = '5';
/** Types that are regular files: today's, that before POSIX, and "contiguous". */
const FILE_TYPES = ['0', '\0', '7'];

/** Records longer than a manifest of the largest small file and its path need are not ours. */
const EXTENSION_BYTES_MAX = 64 * 1024;
const US_PER_SECOND = 1e6;
const ASCII = /^\p{ASCII}*$/u;
const NO_RECORDS: PaxRecords = new Map();

/**
 * Reads a whole tar body (ustar, pax, GNU's long names and large numbers), which may be hostile, in
 * one pass. Throws `bad_request`.
 */
export function readTar(bytes: Uint8Array): RawTarEntry[] {
  return new TarReader(asBuffer(bytes)).readAll();
}

class TarReader {
  readonly #bytes: Buffer;
  #offset = 0;
  /** What extension headers said of the entry to come, and of all. */
  #records: PaxRecords = NO_RECORDS;
  #global: PaxRecords = NO_RECORDS;
  #longName: string | undefined;
  #longLink: string | undefined;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  readAll(): RawTarEntry[] {
    const entries: RawTarEntry[] = [];
    while (!this.#isEnd()) {
      const header = this.#take(BLOCK_BYTES);
      if (!hasItsChecksum(header)) throw damaged('the checksum of a header is wrong');
      const type = String.fromCharCode(header[TYPE_OFFSET] ?? 0);
      if (!this.#takeExtension(header, type)) entries.push(this.#takeEntry(header, type));
    }
    return entries;
  }

  /** Two blocks of zeros, and nothing but zeros behind. */
  #isEnd(): boolean {
    if (this.#bytes[this.#offset] !== 0) return false;
    const rest = this.#bytes.subarray(this.#offset);
    const isEnd = rest.length >= 2 * BLOCK_BYTES && rest.length % BLOCK_BYTES === 0;
    if (!isEnd || rest.some((byte) => byte !== 0)) throw damaged('its end is not an end');
    return true;
  }

  #take(length: number): Buffer {
    const end = this.#offset + length;
    if (end > this.#bytes.length) throw damaged('it is cut off');
    const taken = this.#bytes.subarray(this.#offset, end);
    this.#offset = end;
    return taken;
  }

  /** A body of `size` bytes and what fills its last block. */
  #takeBody(size: number): Buffer {
    return this.#take(Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES).subarray(0, size);
  }

  #takeExtension(header: Buffer, type: string): boolean {
    if (type === TYPE_PAX) this.#records = parsePax(this.#takeExtensionBody(header));
    else if (type === TYPE_PAX_GLOBAL) {
      this.#global = new Map([...this.#global, ...parsePax(this.#takeExtensionBody(header))]);
      if (this.#global.size > BLOCK_BYTES) throw damaged('it has too many global records');
    } else if (type === TYPE_LONG_NAME) this.#longName = textOf(this.#takeExtensionBody(header));
    else if (type === TYPE_LONG_LINK) this.#longLink = textOf(this.#takeExtensionBody(header));
    else return false;
    return true;
  }

  #takeExtensionBody(header: Buffer): Buffer {
    const size = numberIn(header, SIZE);
    if (size === undefined || size > EXTENSION_BYTES_MAX) throw damaged('a record is too long');
    return this.#takeBody(size);
  }

  #takeEntry(header: Buffer, flag: string): RawTarEntry {
    const pax = this.#global.size === 0 ? this.#records : this.#merged();
    const name = pax.get('path') ?? this.#longName ?? nameIn(header);
    const linkName = pax.get('linkpath') ?? this.#longLink ?? textIn(header, LINK_NAME);
    this.#records = NO_RECORDS;
    this.#longName = undefined;
    this.#longLink = undefined;
    const isFile = FILE_TYPES.includes(flag);
    // Before POSIX a directory was a file whose name ends so.
    const isDirectory = isFile && name.endsWith('/');
    const type = isDirectory ? TYPE_DIRECTORY : isFile ? TYPE_FILE : flag;
    const data = type === TYPE_FILE ? viewOf(this.#takeBody(sizeOf(header, pax))) : EMPTY_BYTES;
    const mode = numberIn(header, MODE) ?? 0;
    return { name, type, mode, mtimeUs: mtimeOf(header, pax), linkName, data, pax };
  }

  #merged(): PaxRecords {
    return new Map([...this.#global, ...this.#records]);
  }
}

function viewOf({ buffer, byteOffset, length }: Buffer): Uint8Array {
  return new Uint8Array(buffer, byteOffset, length);
}

function sizeOf(header: Buffer, pax: PaxRecords): number {
  const text = pax.get('size');
  const size = text === undefined ? numberIn(header, SIZE) : decimal(text);
  if (size === undefined || size < 0) throw damaged('the size of an entry is out of range');
  return size;
}

function mtimeOf(header: Buffer, pax: PaxRecords): number | undefined {
  const text = pax.get('mtime');
  const seconds = text === undefined ? numberIn(header, MTIME) : secondsIn(text);
  if (seconds === undefined) return undefined;
  const mtimeUs = Math.round(seconds * US_PER_SECOND);
  return Number.isSafeInteger(mtimeUs) ? mtimeUs : undefined;
}

function secondsIn(text: string): number | undefined {
  return /^-?\d+(?:\.\d*)?$/.test(text) ? Number(text) : undefined;
}

/** Undefined unless it is a number without sign that can be told from its neighbors. */
function decimal(text: string): number | undefined {
  const value = /^\d+$/.test(text) ? Number(text) : undefined;
  return Number.isSafeInteger(value) ? value : undefined;
}

/** The sum of all bytes, those of the checksum itself taken as spaces. */
function hasItsChecksum(header: Buffer): boolean {
  const [start, length] = CHECKSUM;
  let sum = length * SPACE;
  for (let index = 0; index < start; index += 1) sum += header[index] ?? 0;
  for (let index = start + length; index < BLOCK_BYTES; index += 1) sum += header[index] ?? 0;
  return sum === numberIn(header, CHECKSUM);
}

type Field = readonly [offset: number, length: number];

/** Undefined if it is no number, or not a safe one. */
function numberIn(header: Buffer, [start, length]: Field): number | undefined {
  const first = header[start] ?? 0;
  if (first === BINARY || first === BINARY_NEGATIVE) return binaryIn(header, [start, length]);
  const end = start + length;
  let index = start;
  while (index < end && header[index] === SPACE) index += 1;
  let value = 0;
  for (; index < end; index += 1) {
    const byte = header[index] ?? 0;
    if (byte === 0 || byte === SPACE) break;
    if (byte < ZERO_DIGIT || byte > SEVEN_DIGIT) return undefined;
    value = value * 8 + (byte - ZERO_DIGIT);
  }
  return Number.isSafeInteger(value) ? value : undefined;
}

/** GNU's numbers beyond the octal ones: two's complement, big-endian. */
function binaryIn(header: Buffer, [start, length]: Field): number | undefined {
  let value = header[start] === BINARY_NEGATIVE ? -1n : 0n;
  for (const byte of header.subarray(start + 1, start + length)) {
    value = value * BYTE_RANGE + BigInt(byte);
  }
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : undefined;
}

function nameIn(header: Buffer): string {
  const name = textIn(header, NAME);
  const [start, length] = MAGIC;
  const isUstar = header.toString('latin1', start, start + length) === 'ustar';
  // GNU's own form has the same letters, a space behind them, and times where POSIX has the prefix.
  if (!isUstar || header[start + length] !== 0 || header[PREFIX[0]] === 0) return name;
  return `${textIn(header, PREFIX)}/${name}`;
}

function textIn(header: Buffer, [start, length]: Field): string {
  return textOf(header.subarray(start, start + length));
}

/** What is before the first NUL. */
function textOf(bytes: Buffer): string {
  const end = bytes.indexOf(0);
  return utf8(end === -1 ? bytes : bytes.subarray(0, end));
}

/** `<length> <key>=<value>\n`, where the length counts itself, again and again. */
function parsePax(body: Buffer): PaxRecords {
  const records = new Map<string, string>();
  // One character a byte: positions are those of bytes.
  const text = body.toString('latin1');
  const isAscii = ASCII.test(text);
  let start = 0;
  while (start < text.length) {
    const space = text.indexOf(' ', start);
    const length = decimal(text.slice(start, space));
    const end = start + (length ?? 0);
    const equals = text.indexOf('=', space);
    const isWhole = space !== -1 && equals > space && equals < end && end <= text.length;
    if (!isWhole || text[end - 1] !== '\n') throw damaged('a pax record is malformed');
    const key = isAscii ? text.slice(space + 1, equals) : utf8(body.subarray(space + 1, equals));
    const value = isAscii
      ? text.slice(equals + 1, end - 1)
      : utf8(body.subarray(equals + 1, end - 1));
    records.set(key, value);
    start = end;
  }
  return records;
}

/** Throws for what is not UTF-8: what stands for it elsewhere could make two names one. */
function utf8(bytes: Buffer): string {
  const text = bytes.toString('latin1');
  if (ASCII.test(text)) return text;
  try {
    // Copied: the decoder takes no shared memory.
    return utf8Decode(new Uint8Array(bytes));
  } catch (cause) {
    throw new GdpfsError(
      'bad_request',
      `cannot use tar entry ${JSON.stringify(text)}: it is not UTF-8`,
      {
        cause,
      },
    );
  }
}

function damaged(why: string): GdpfsError {
  return new GdpfsError('bad_request', `cannot read tar: its framing is damaged: ${why}`);
}
