import { DIGEST_BYTES } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteReader } from '../format/byte-reader.ts';
import type { Chunk } from '../format/manifest.ts';
import type { MadeFile } from '../fs/types.ts';

/** The new file log of one file of many. */
export interface BulkLog {
  readonly file: MadeFile;
  /** Where its content begins in the body. */
  readonly place: number;
}

/** Reads what `foldBulk` wrote of the files of a body, one after the other: views, nothing is copied. */
export class BulkLogs {
  readonly #reader: ByteReader;

  constructor(bytes: Uint8Array) {
    this.#reader = new ByteReader(bytes, 'file logs of a body');
  }

  next(): BulkLog {
    const reader = this.#reader;
    const log = reader.bytes(DIGEST_BYTES);
    const root = reader.bytes(DIGEST_BYTES);
    const content = reader.bytes(DIGEST_BYTES);
    const size = reader.uint32();
    const place = reader.uint32();
    const count = reader.uint32();
    const chunks: Chunk[] = [];
    for (let index = 0; index < count; index += 1) {
      const offset = reader.uint32();
      const length = reader.uint32();
      const checksum = reader.uint32();
      chunks.push({ offset, length, checksum, digest: reader.bytes(DIGEST_BYTES) });
    }
    // The meta record, and one for each chunk.
    const records: Uint8Array[] = [];
    for (let index = 0; index <= count; index += 1) {
      records.push(reader.sizedBytes(LIMITS.recordBytesMax));
    }
    return { place, file: { records, made: { log, root, content, size, chunks } } };
  }
}
