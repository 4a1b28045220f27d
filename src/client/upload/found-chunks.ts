import { assert } from '../../base/errors.ts';
import type { Chunk } from '../../format/manifest.ts';
import type { KnownRun } from './known-run.ts';

/** The chunks of a file, found one behind the other. The server may say later what their checksums are. */
export class FoundChunks {
  readonly #chunks: Chunk[] = [];
  /** Indexes, ascending, of those without a checksum. */
  readonly #unsummed = new Set<number>();
  #end = 0;

  /** In the order of the file; whole once all have their checksums. */
  get all(): readonly Chunk[] {
    return this.#chunks;
  }

  /** They, and the holes between and behind them, are all of the file up to here. */
  get end(): number {
    return this.#end;
  }

  /** What need not be found again: it ends where the first checksum is missing. */
  get known(): KnownRun {
    const [first = this.#chunks.length] = this.#unsummed;
    const end = this.#chunks[first]?.offset ?? this.#end;
    return { start: 0, end, chunks: this.#chunks.slice(0, first) };
  }

  /** Adds the chunks up to `end`; returns the index of the first. `isUnsummed`: their checksums mean nothing. */
  add(chunks: readonly Chunk[], end: number, isUnsummed: boolean): number {
    const first = this.#chunks.length;
    // One by one: there may be more than a call takes as arguments.
    for (const chunk of chunks) {
      if (isUnsummed) this.#unsummed.add(this.#chunks.length);
      this.#chunks.push(chunk);
    }
    this.#end = end;
    return first;
  }

  /** Says what the checksums of the chunks from `first` on are; returns those chunks. */
  sum(first: number, checksums: readonly number[]): readonly Chunk[] {
    return checksums.map((checksum, at) => {
      const index = first + at;
      const chunk = this.#chunks[index];
      assert(chunk !== undefined, 'the chunk was found');
      this.#unsummed.delete(index);
      return (this.#chunks[index] = { ...chunk, checksum });
    });
  }
}
