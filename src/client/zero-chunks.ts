import { bytesEqual } from '../base/bytes.ts';
import { crc32, sha256 } from '../base/digest.ts';
import type { Chunk } from '../format/manifest.ts';

/**
 * Tells chunks that are all zeros from what their manifest says: they need not be fetched, and not be
 * written where a file has a hole. Only lengths that repeat, and that of the last chunk, are looked
 * at: a stretch of zeros is divided into equal chunks, whatever the chunking.
 */
export class ZeroChunks {
  readonly #lengths = new Set<number>();
  readonly #zeros = new Map<number, Pick<Chunk, 'checksum' | 'digest'>>();

  constructor(chunks: readonly Chunk[]) {
    let before = chunks.at(-1)?.length;
    for (const { length } of chunks) {
      if (length === before) this.#lengths.add(length);
      before = length;
    }
    const last = chunks.at(-1);
    if (last !== undefined) this.#lengths.add(last.length);
  }

  has({ length, checksum, digest }: Chunk): boolean {
    if (!this.#lengths.has(length)) return false;
    const zeros = this.#zeros.get(length) ?? zerosOf(length);
    this.#zeros.set(length, zeros);
    return checksum === zeros.checksum && bytesEqual(digest, zeros.digest);
  }
}

function zerosOf(length: number): Pick<Chunk, 'checksum' | 'digest'> {
  const bytes = new Uint8Array(length);
  return { checksum: crc32(bytes), digest: sha256(bytes) };
}
