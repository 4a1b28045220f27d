import { crc32 } from '../base/digest.ts';
import { concatBytes, utf8Encode } from '../base/bytes.ts';

/** A file of a zip archive. */
export interface ZipEntry {
  /** Relative, with `/`. */
  readonly name: string;
  readonly data: Uint8Array;
}

/** Numbers of the format (APPNOTE 4.3): little-endian, unlike those of gdpfs. */
const LOCAL_HEADER = 0x04034b50;
const CENTRAL_HEADER = 0x02014b50;
const END_RECORD = 0x06054b50;
/** 2.0, and for the central directory made on Unix, so that modes are kept. */
const VERSION = 20;
const MADE_ON_UNIX = (3 << 8) | VERSION;
const UTF8_NAMES = 0x0800;
/** 1 January 1980: the archive tells nothing of when it was made. */
const NO_TIME = 0;
const NO_DATE = 0x21;
/** A regular file for its owner only. */
const PRIVATE_FILE = (0o100600 << 16) >>> 0;

/** An archive of small files, not compressed, each for its owner only. */
export function encodeZip(entries: readonly ZipEntry[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, data } of entries) {
    const nameBytes = utf8Encode(name);
    const common = commonFields(nameBytes, data);
    const local = concatBytes([uint32(LOCAL_HEADER), common, nameBytes]);
    directory.push(
      concatBytes([
        uint32(CENTRAL_HEADER),
        uint16(MADE_ON_UNIX),
        common,
        // No comment, disk 0, no internal attributes.
        uint16(0),
        uint16(0),
        uint16(0),
        uint32(PRIVATE_FILE),
        uint32(offset),
        nameBytes,
      ]),
    );
    parts.push(local, data);
    offset += local.length + data.length;
  }
  const central = concatBytes(directory);
  const end = concatBytes([
    uint32(END_RECORD),
    uint16(0),
    uint16(0),
    uint16(entries.length),
    uint16(entries.length),
    uint32(central.length),
    uint32(offset),
    uint16(0),
  ]);
  return concatBytes([...parts, central, end]);
}

/** From "version needed" to "extra field length": the same in both headers. */
function commonFields(nameBytes: Uint8Array, data: Uint8Array): Uint8Array {
  return concatBytes([
    uint16(VERSION),
    uint16(UTF8_NAMES),
    // Stored.
    uint16(0),
    uint16(NO_TIME),
    uint16(NO_DATE),
    uint32(crc32(data)),
    uint32(data.length),
    uint32(data.length),
    uint16(nameBytes.length),
    uint16(0),
  ]);
}

function uint16(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, value >>> 8);
}

function uint32(value: number): Uint8Array {
  return Uint8Array.of(value & 0xff, (value >>> 8) & 0xff, (value >>> 16) & 0xff, value >>> 24);
}
