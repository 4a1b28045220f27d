/**
 * Zip archives of stored files (PKWARE APPNOTE 6.3), with what is needed beyond 4 GiB and 65,535 names. Size
 * and CRC-32 of a file are in front of it, so that nothing has to be read behind it to be understood.
 */
import { concatBytes, utf8Encode } from '../base/bytes.ts';

/** What an archive says of a name. */
export interface ZipHead {
  /** Relative, with `/`; that of a directory ends in one. */
  readonly name: string;
  /** Bytes; 0 for a directory. */
  readonly size: number;
  /** CRC-32. */
  readonly checksum: number;
  /** Permission bits, 0o7777. */
  readonly mode: number;
  /** Undefined: the archive tells no time. */
  readonly mtimeMs: number | undefined;
}

const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_RECORD = 0x06054b50;
const END_RECORD_64 = 0x06064b50;
const END_LOCATOR_64 = 0x07064b50;
/** Behind its own first two fields. */
const END_RECORD_64_BYTES = 44;
/** 4.5: what is beyond 4 GiB. */
const VERSION = 45;
const MADE_ON_UNIX = (3 << 8) | VERSION;
const UTF8_NAMES = 0x0800;
const STORED = 0;
const EXTRA_64 = 0x0001;
const EXTRA_TIME = 0x5455;
/** 1 January 1980. */
const FIRST_DATE = 0x21;
const FIRST_MS = Date.UTC(1980, 0, 1);
const LAST_MS = Date.UTC(2107, 11, 31);
const MAX_16 = 0xffff;
const MAX_32 = 0xffffffff;
const REGULAR = 0o100000;
const DIRECTORY = 0o040000;
const DOS_DIRECTORY = 0x10;

/** What comes in front of the bytes of a file. */
export function zipLocalHeader(head: ZipHead): Uint8Array<ArrayBuffer> {
  const { size } = head;
  const large = size >= MAX_32 ? extra(EXTRA_64, [uint64(size), uint64(size)]) : NOTHING;
  const more = concatBytes([large, timeExtra(head)]);
  const name = utf8Encode(head.name);
  return concatBytes([uint32(LOCAL_HEADER), common(head, name, more), name, more]);
}

/** What stands of a file in the directory; `offset` is that of its local header. */
export function zipCentralHeader(head: ZipHead, offset: number): Uint8Array<ArrayBuffer> {
  const { size, mode } = head;
  const isDirectory = head.name.endsWith('/');
  const sizes = size >= MAX_32 ? [uint64(size), uint64(size)] : [];
  const large = [...sizes, ...(offset >= MAX_32 ? [uint64(offset)] : [])];
  const more = concatBytes([
    large.length === 0 ? NOTHING : extra(EXTRA_64, large),
    timeExtra(head),
  ]);
  const name = utf8Encode(head.name);
  const unixMode = mode | (isDirectory ? DIRECTORY : REGULAR);
  return concatBytes([
    uint32(CENTRAL_HEADER),
    uint16(MADE_ON_UNIX),
    common(head, name, more),
    // No comment, disk 0, no internal attributes.
    uint16(0),
    uint16(0),
    uint16(0),
    uint32(unixMode * (MAX_16 + 1) + (isDirectory ? DOS_DIRECTORY : 0)),
    uint32(Math.min(offset, MAX_32)),
    name,
    more,
  ]);
}

/** What comes behind the directory, which begins at `offset` and has `length` bytes. */
export function zipEnd(directory: {
  readonly count: number;
  readonly offset: number;
  readonly length: number;
}): Uint8Array<ArrayBuffer> {
  const { count, offset, length } = directory;
  const isLarge = count >= MAX_16 || offset >= MAX_32 || length >= MAX_32;
  const large = [
    uint32(END_RECORD_64),
    uint64(END_RECORD_64_BYTES),
    uint16(MADE_ON_UNIX),
    uint16(VERSION),
    uint32(0),
    uint32(0),
    uint64(count),
    uint64(count),
    uint64(length),
    uint64(offset),
    uint32(END_LOCATOR_64),
    uint32(0),
    uint64(offset + length),
    uint32(1),
  ];
  return concatBytes([
    ...(isLarge ? large : []),
    uint32(END_RECORD),
    uint16(0),
    uint16(0),
    uint16(Math.min(count, MAX_16)),
    uint16(Math.min(count, MAX_16)),
    uint32(Math.min(length, MAX_32)),
    uint32(Math.min(offset, MAX_32)),
    uint16(0),
  ]);
}

const NOTHING = new Uint8Array(0);

/** From "version needed" to "extra field length": the same in both headers. */
function common(
  { size, checksum, mtimeMs }: ZipHead,
  name: Uint8Array,
  more: Uint8Array,
): Uint8Array {
  const shown = Math.min(size, MAX_32);
  return concatBytes([
    uint16(VERSION),
    uint16(UTF8_NAMES),
    uint16(STORED),
    ...dosTime(mtimeMs),
    uint32(checksum),
    uint32(shown),
    uint32(shown),
    uint16(name.length),
    uint16(more.length),
  ]);
}

/** In UTC, since nobody knows the zone of who unpacks it; the extra field has the true time. */
function dosTime(mtimeMs: number | undefined): Uint8Array[] {
  if (mtimeMs === undefined || mtimeMs < FIRST_MS) return [uint16(0), uint16(FIRST_DATE)];
  const date = new Date(Math.min(mtimeMs, LAST_MS));
  const hours = (date.getUTCHours() << 11) | (date.getUTCMinutes() << 5);
  const years = (date.getUTCFullYear() - 1980) << 9;
  const days = ((date.getUTCMonth() + 1) << 5) | date.getUTCDate();
  return [uint16(hours | (date.getUTCSeconds() >> 1)), uint16(years | days)];
}

/** Seconds since the Unix epoch, if they fit. */
function timeExtra({ mtimeMs }: ZipHead): Uint8Array {
  const seconds = Math.floor((mtimeMs ?? -1) / 1000);
  if (seconds < 0 || seconds > 0x7fffffff) return NOTHING;
  return extra(EXTRA_TIME, [Uint8Array.of(1), uint32(seconds)]);
}

function extra(id: number, parts: readonly Uint8Array[]): Uint8Array {
  const data = concatBytes(parts);
  return concatBytes([uint16(id), uint16(data.length), data]);
}

/** Numbers of the format are little-endian, unlike those of gdpfs. */
function uint16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >>> 8);
}

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
}

function uint64(value: number): Uint8Array {
  return concatBytes([uint32(value % (MAX_32 + 1)), uint32(Math.floor(value / (MAX_32 + 1)))]);
}
