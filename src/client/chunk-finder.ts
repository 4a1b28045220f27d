import { bytesEqual } from '../base/bytes.ts';
import { sha256Async } from '../base/digest.ts';
import type { Chunk } from '../format/manifest.ts';
import { type BodyPool, groupChunks, hasRoom } from './chunk-body.ts';
import type { LocalSource } from './local-source.ts';
import type { PartFile } from './part-file.ts';
import { ZeroChunks } from './zero-chunks.ts';

export interface FinderOptions {
  /** Of the file, ascending. */
  readonly chunks: readonly Chunk[];
  readonly part: PartFile;
  /** Where to look for chunks that the part does not have, the likeliest first. */
  readonly sources: readonly LocalSource[];
  readonly pool: BodyPool;
  /** Read also what should be zeros. */
  readonly recheck: boolean;
  readonly signal: AbortSignal | undefined;
  /** Called with the bytes of each chunk that is in the part now. */
  readonly onFound: (bytes: number) => void;
}

/** Finds out which chunks need not be fetched, and copies them into the part where they are not yet. */
export class ChunkFinder {
  readonly #options: FinderOptions;
  readonly #zeros: ZeroChunks;
  readonly #running = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];
  /** Chunks whose checksum was found, but not their digest. */
  readonly #mistaken: Chunk[] = [];

  constructor(options: FinderOptions) {
    this.#options = options;
    this.#zeros = new ZeroChunks(options.chunks);
  }

  /**
   * The chunks to fetch, in bodies, as soon as that is known of them. When it ends, all others are
   * in the part, unless that is lost.
   */
  async *missing(): AsyncGenerator<Chunk[], void, void> {
    let group: Chunk[] = [];
    let size = 0;
    try {
      for (const chunk of this.#options.chunks) {
        if (await this.#has(chunk)) continue;
        if (this.#options.part.isLost) return;
        if (!hasRoom(group, size, chunk)) {
          yield group;
          group = [];
          size = 0;
        }
        group.push(chunk);
        size += chunk.length;
      }
    } finally {
      await Promise.all(this.#running);
    }
    this.#throwFailure();
    if (group.length > 0) yield group;
    yield* groupChunks(this.#mistaken);
  }

  async #has(chunk: Chunk): Promise<boolean> {
    const { part, sources, recheck, signal, onFound } = this.#options;
    signal?.throwIfAborted();
    this.#throwFailure();
    const isHole = this.#zeros.has(chunk) && !(part.isResumed && recheck);
    if (isHole || part.isKnown(chunk)) {
      onFound(chunk.length);
      return true;
    }
    return (part.isResumed || sources.length > 0) && (await this.#find(chunk));
  }

  /** Resolves when it is known where the chunk is; its digest is computed behind that. */
  #find(chunk: Chunk): Promise<boolean> {
    const located = Promise.withResolvers<boolean>();
    const task = this.#options.pool
      .with((bytes) => this.#take(chunk, bytes.subarray(0, chunk.length), located.resolve))
      .catch((error: unknown) => {
        this.#failures.push(error);
        located.reject(error);
      })
      .finally(() => this.#running.delete(task));
    this.#running.add(task);
    return located.promise;
  }

  async #take(
    chunk: Chunk,
    view: Uint8Array,
    tellLocated: (isHere: boolean) => void,
  ): Promise<void> {
    const { part, onFound } = this.#options;
    const isInPart = part.isResumed && (await part.mayHave(chunk, view));
    const isHere = isInPart || (await this.#isInSource(chunk, view));
    tellLocated(isHere);
    if (!isHere) return;
    if (!bytesEqual(await sha256Async(view), chunk.digest)) {
      this.#mistaken.push(chunk);
      return;
    }
    if (isInPart) part.confirm(chunk);
    else await part.write([view], chunk.offset);
    onFound(chunk.length);
  }

  async #isInSource(chunk: Chunk, view: Uint8Array): Promise<boolean> {
    for (const source of this.#options.sources) {
      if (await source.find(chunk, view)) return true;
    }
    return false;
  }

  #throwFailure(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}
