import { copyBytes, hexEncode } from '../base/bytes.ts';
import { encodeManifestEntries } from '../format/manifest.ts';
import { PAX, type TarEntry, type TarFile } from './tar.ts';

const BLOCK_BYTES = 512;
/** Two blocks of zeros. */
const END_BYTES = 2 * BLOCK_BYTES;
const MODE_MASK = 0o7777;
const CAPACITY_BYTES = 64 * 1024;

/** Offsets of the fields of a header; numbers have that many octal digits and a NUL. */
const NAME = 0;
const NAME_BYTES = 100;
const MODE = 100;
const MODE_DIGITS = 7;
const SIZE = 124;
const MTIME = 136;
const LONG_DIGITS = 11;
const CHECKSUM = 148;
const CHECKSUM_DIGITS = 6;
const CHECKSUM_BYTES = 8;
const TYPE = 156;
const LINK_NAME = 157;
const LONG_NUMBER_MAX = 8 ** LONG_DIGITS - 1;

const ZERO_DIGIT = 0x30;
const SPACE = 0x20;
const US_PER_SECOND = 1e6;
const PAX_MODE = 0o644;
const PAX_NAME = 'PaxHeader';

const REPLACEMENT_CHARACTER = '\uFFFD';

/** What all headers have in common. */
const TEMPLATE = template();
/** Of its bytes, with spaces in the place of the checksum. */
const TEMPLATE_SUM = TEMPLATE.reduce((sum, byte) => sum + byte, CHECKSUM_BYTES * SPACE);
/** Where a header has more than that, beside its checksum: begin and length. */
const WRITTEN_FIELDS = [
  [NAME, NAME_BYTES],
  [MODE, MODE_DIGITS],
  [SIZE, LONG_DIGITS],
  [MTIME, LONG_DIGITS],
  [TYPE, 1],
  [LINK_NAME, NAME_BYTES],
] as const;

/** Room for the headers of one entry with a path of ordinary length. */
const HEADERS_BYTES = 3 * BLOCK_BYTES;

/** Entries keep their order. They are the caller's own and are not checked. */
export function encodeTar(entries: readonly TarEntry[]): Uint8Array {
  let capacity = END_BYTES;
  for (const entry of entries) {
    capacity += HEADERS_BYTES + (entry.kind === 'file' ? entry.data.length + BLOCK_BYTES : 0);
  }
  const writer = new TarWriter(new ArrayBuffer(capacity));
  for (const entry of entries) writer.add(entry);
  return writer.finish();
}

/** A file whose content comes by other ways. */
export interface OpenTarFile extends Omit<TarFile, 'data' | 'digest' | 'manifest'> {
  /** Bytes. */
  readonly size: number;
}

/**
 * Writes a tar body entry by entry into one piece of memory, which grows as it must. Entries keep their
 * order. They are the caller's own and are not checked.
 */
export class TarWriter {
  #bytes: Buffer;
  #length = 0;

  /** `memory`, if given, is written over. */
  constructor(memory = new ArrayBuffer(CAPACITY_BYTES)) {
    this.#bytes = Buffer.from(memory);
  }

  add(entry: TarEntry): void {
    const { path, mode, mtimeUs } = entry;
    const head = { path, mode, mtimeUs };
    switch (entry.kind) {
      case 'directory':
        return this.#headers({ ...head, type: '5', name: `${path}/`, size: 0 });
      case 'symlink':
        return this.#headers({ ...head, type: '2', name: path, size: 0, target: entry.target });
      case 'reference': {
        const { digest, size, checksum } = entry;
        const claims =
          record(PAX.digest, hexEncode(digest)) + record(PAX.reference, `${size} ${checksum}`);
        return this.#headers({ ...head, type: '0', name: path, size: 0, claims });
      }
      case 'file': {
        this.#headers({
          ...head,
          type: '0',
          name: path,
          size: entry.data.length,
          claims: claims(entry),
        });
        const data = this.#body(entry.data.length);
        copyBytes(entry.data, this.#bytes, data);
      }
    }
  }

  /** Only the headers of a file: its content follows by other ways. */
  addHead({ path, mode, mtimeUs, size }: OpenTarFile): void {
    this.#headers({ path, mode, mtimeUs, type: '0', name: path, size });
  }

  /** What was written so far, a view; later entries overwrite it. */
  take(): Uint8Array {
    const taken = this.#bytes.subarray(0, this.#length);
    this.#length = 0;
    return taken;
  }

  /** The whole body, a view of the writer's memory. */
  finish(): Uint8Array {
    this.#reserve(END_BYTES);
    this.#bytes.fill(0, this.#length, this.#length + END_BYTES);
    this.#length += END_BYTES;
    const { buffer, byteOffset } = this.#bytes;
    return new Uint8Array(buffer, byteOffset, this.#length);
  }

  /** Makes room for a body, fills up its last block and returns where it begins. */
  #body(size: number): number {
    const padded = Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
    this.#reserve(padded);
    const start = this.#length;
    this.#length += padded;
    this.#bytes.fill(0, start + size, this.#length);
    return start;
  }

  #headers(entry: Head): void {
    const records = paxRecords(entry);
    const recordBytes = Buffer.byteLength(records);
    this.#header({ name: PAX_NAME, mode: PAX_MODE, mtimeUs: 0, type: 'x', size: recordBytes });
    const start = this.#body(recordBytes);
    this.#bytes.write(records, start);
    this.#header(entry);
  }

  #header(head: Omit<Head, 'path' | 'claims'>): void {
    const { name, mode, mtimeUs, type, size, target = '' } = head;
    this.#reserve(BLOCK_BYTES);
    const bytes = this.#bytes;
    const start = this.#length;
    this.#length += BLOCK_BYTES;
    bytes.set(TEMPLATE, start);
    bytes.write(headerText(name), start + NAME, 'latin1');
    writeOctal(bytes, start + MODE, MODE_DIGITS, mode & MODE_MASK);
    writeOctal(bytes, start + SIZE, LONG_DIGITS, Math.min(size, LONG_NUMBER_MAX));
    // The header has no time before 1970; the pax record has.
    const seconds = Math.max(0, Math.floor(mtimeUs / US_PER_SECOND));
    writeOctal(bytes, start + MTIME, LONG_DIGITS, Math.min(seconds, LONG_NUMBER_MAX));
    bytes[start + TYPE] = type.charCodeAt(0);
    bytes.write(headerText(target), start + LINK_NAME, 'latin1');
    let sum = TEMPLATE_SUM;
    for (const [field, length] of WRITTEN_FIELDS) {
      // A name ends before its field does.
      for (let index = start + field; index < start + field + length; index += 1) {
        const byte = bytes[index] ?? 0;
        if (byte === 0) break;
        sum += byte;
      }
    }
    writeOctal(bytes, start + CHECKSUM, CHECKSUM_DIGITS, sum);
    bytes[start + CHECKSUM + CHECKSUM_DIGITS + 1] = SPACE;
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const capacity = Math.max(2 * this.#bytes.length, this.#length + length);
    const larger = Buffer.from(new ArrayBuffer(capacity));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

interface Head {
  readonly path: string;
  readonly name: string;
  readonly mode: number;
  readonly mtimeUs: number;
  readonly type: string;
  readonly size: number;
  readonly target?: string;
  /** Records about the content. */
  readonly claims?: string;
}

function claims({ digest, manifest }: TarFile): string {
  let records = '';
  if (digest !== undefined) records += record(PAX.digest, hexEncode(digest));
  if (manifest !== undefined) {
    const bytes = encodeManifestEntries(manifest);
    records += record(PAX.manifest, Buffer.from(bytes).toString('base64'));
  }
  return records;
}

function paxRecords({ path, name, mtimeUs, size, target = '', claims: about = '' }: Head): string {
  let records = record(PAX.mtime, String(mtimeUs)) + about;
  if (size > LONG_NUMBER_MAX) records += record('size', String(size));
  if (!fitsHeader(name)) records += record('path', name);
  if (!fitsHeader(target)) records += record('linkpath', target);
  if (path.includes(REPLACEMENT_CHARACTER)) {
    records += record(PAX.path, encodeURIComponent(path));
  }
  if (target.includes(REPLACEMENT_CHARACTER)) {
    records += record(PAX.target, encodeURIComponent(target));
  }
  return records;
}

/** `<length> <key>=<value>\n`, where the length counts its own digits too. */
function record(key: string, value: string): string {
  const rest = ` ${key}=${value}\n`;
  const restBytes = Buffer.byteLength(rest);
  let length = restBytes + 1;
  while (restBytes + String(length).length !== length) length += 1;
  return `${length}${rest}`;
}

/** Anything but short ASCII goes into a pax record, where it is UTF-8 by definition. */
function fitsHeader(text: string): boolean {
  return text.length <= NAME_BYTES && /^[\x20-\x7e]*$/.test(text);
}

/** What the header says to a reader that does not know the pax record. */
function headerText(text: string): string {
  return fitsHeader(text) ? text : text.slice(0, NAME_BYTES).replace(/[^\x20-\x7e]/g, '_');
}

function writeOctal(bytes: Uint8Array, start: number, digits: number, value: number): void {
  let rest = value;
  for (let index = start + digits - 1; index >= start; index -= 1) {
    const next = Math.floor(rest / 8);
    bytes[index] = ZERO_DIGIT + rest - next * 8;
    rest = next;
  }
}

function template(): Uint8Array {
  const header = Buffer.alloc(BLOCK_BYTES);
  const uid = 108;
  const gid = 116;
  const magic = 257;
  writeOctal(header, uid, MODE_DIGITS, 0);
  writeOctal(header, gid, MODE_DIGITS, 0);
  header.write('ustar\0' + '00', magic, 'latin1');
  return header;
}
