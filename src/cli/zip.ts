import { concatBytes } from '../base/bytes.ts';
import { crc32 } from '../base/digest.ts';
import { zipCentralHeader, zipEnd, zipLocalHeader } from '../wire/zip.ts';

/** A file of a zip archive. */
export interface ZipEntry {
  /** Relative, with `/`. */
  readonly name: string;
  readonly data: Uint8Array;
}

const PRIVATE_MODE = 0o600;

/** An archive of small files, not compressed, each for its owner only; it tells nothing of times. */
export function encodeZip(entries: readonly ZipEntry[]): Uint8Array<ArrayBuffer> {
  const parts: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, data } of entries) {
    const size = data.length;
    const head = { name, size, checksum: crc32(data), mode: PRIVATE_MODE, mtimeMs: undefined };
    const local = zipLocalHeader(head);
    directory.push(zipCentralHeader(head, offset));
    parts.push(local, data);
    offset += local.length + size;
  }
  const central = concatBytes(directory);
  const end = zipEnd({ count: entries.length, offset, length: central.length });
  return concatBytes([...parts, central, end]);
}
