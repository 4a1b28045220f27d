import { DIGEST_BYTES } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import {
  type Chunk,
  type ChunkSequence,
  encodeManifestEntries,
  MANIFEST_ENTRY_BYTES,
} from '../format/manifest.ts';

/** Files with fewer chunks are folded anew each time: that is as fast as finding them here. */
const CACHED_CHUNKS_MIN = 64;

/** Chunks in their encoded form: a fifth of the memory that an array of objects takes. */
class PackedChunks implements ChunkSequence {
  readonly length: number;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(chunks: readonly Chunk[]) {
    this.length = chunks.length;
    this.#bytes = encodeManifestEntries(chunks);
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
  }

  get byteLength(): number {
    return this.#bytes.length;
  }

  at(index: number): Chunk | undefined {
    const position = index < 0 ? this.length + index : index;
    if (position < 0 || position >= this.length) return undefined;
    const start = position * MANIFEST_ENTRY_BYTES;
    return {
      offset: Number(this.#view.getBigUint64(start)),
      length: this.#view.getUint32(start + 8),
      checksum: this.#view.getUint32(start + 12),
      digest: this.#bytes.subarray(start + 16, start + 16 + DIGEST_BYTES),
    };
  }

  slice(start = 0, end = this.length): Chunk[] {
    const chunks: Chunk[] = [];
    for (let index = start; index < Math.min(end, this.length); index++) {
      const chunk = this.at(index);
      if (chunk !== undefined) chunks.push(chunk);
    }
    return chunks;
  }

  [Symbol.iterator](): Iterator<Chunk> {
    return this.slice()[Symbol.iterator]();
  }
}

/**
 * Manifests of the large files that were read last, so that a download in many ranges folds its log
 * once. Bounded in bytes; the newest stays even if it alone is larger.
 */
export class ManifestCache {
  /** Least recently used first. */
  readonly #manifests = new Map<string, PackedChunks>();
  #bytes = 0;

  get(key: string): ChunkSequence | undefined {
    const found = this.#manifests.get(key);
    if (found === undefined) return undefined;
    this.#manifests.delete(key);
    this.#manifests.set(key, found);
    return found;
  }

  /** Returns what to use from now on. */
  add(key: string, chunks: readonly Chunk[]): ChunkSequence {
    if (chunks.length < CACHED_CHUNKS_MIN) return chunks;
    const packed = new PackedChunks(chunks);
    this.#bytes += packed.byteLength - (this.#manifests.get(key)?.byteLength ?? 0);
    this.#manifests.set(key, packed);
    for (const [oldest, { byteLength }] of this.#manifests) {
      if (this.#bytes <= LIMITS.manifestCacheBytesMax || oldest === key) break;
      this.#manifests.delete(oldest);
      this.#bytes -= byteLength;
    }
    return packed;
  }
}
