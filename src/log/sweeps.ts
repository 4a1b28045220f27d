import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { IndexDatabase } from '../storage/index-db.ts';
import { KeptFilter } from './kept-filter.ts';
import { ReliedOn } from './relied-on.ts';
import type { Sweep } from './sweep.ts';
import type { SweepParts } from './sweep-planner.ts';
import { Sweeper } from './sweeper.ts';

/** Of the filter, for each row that there is; half as many again may come without making it worse. */
const BYTES_PER_ROW = 4;

/**
 * The sweeps of a store, one at a time. While there is one, every chunk gets into its filter that is
 * stored, named, or told to be there: what a commit may rely on is not freed behind its back.
 */
export class Sweeps {
  readonly #parts: SweepParts;
  readonly #settle: () => Promise<void>;
  readonly #reliedOn: ReliedOn;
  readonly #closing = new AbortController();
  #isTaken = false;
  #sweeper: Sweeper | undefined;

  /** `settle` has everything put into the index that came before. */
  constructor(parts: SweepParts, settle: () => Promise<void>) {
    this.#parts = parts;
    this.#settle = settle;
    this.#reliedOn = new ReliedOn(parts.clock);
    parts.chunks.onTold = (volume, digest) => this.#reliedOn.add(volume, digest);
  }

  /** Throws `busy` while another one has not ended. */
  async begin(): Promise<Sweep> {
    if (this.#isTaken) {
      throw new GdpfsError('busy', 'cannot free space: somebody does already');
    }
    this.#isTaken = true;
    try {
      return await this.#begin();
    } catch (error) {
      this.#end();
      throw error;
    }
  }

  /** Ends the one that there is. */
  async close(): Promise<void> {
    this.#closing.abort(new GdpfsError('unavailable', 'cannot free space: the store is closed'));
    await this.#sweeper?.idle();
  }

  async #begin(): Promise<Sweep> {
    const { chunks, index } = this.#parts;
    const kept = KeptFilter.create(filterBytes(index));
    chunks.onRelied = (volume, digest) => kept.add(volume, digest);
    // What waits for the index would not be looked at.
    await this.#settle();
    const sweeper = new Sweeper(this.#parts, {
      kept,
      isKept: (volume, digest) => kept.has(volume, digest) || this.#reliedOn.has(volume, digest),
      closing: this.#closing.signal,
      onEnd: () => this.#end(),
    });
    this.#sweeper = sweeper;
    return sweeper;
  }

  #end(): void {
    this.#parts.chunks.onRelied = () => undefined;
    this.#sweeper = undefined;
    this.#isTaken = false;
  }
}

function filterBytes({ writer }: IndexDatabase): number {
  // Rows are numbered as they come: what was freed counts, too.
  const rows = Number(writer.prepare('SELECT max(rowid) AS rows FROM chunk').get()?.['rows'] ?? 0);
  const bytes = 2 ** Math.ceil(Math.log2(Math.max(1, rows * BYTES_PER_ROW)));
  return Math.min(LIMITS.keptFilterBytesMax, Math.max(LIMITS.keptFilterBytesMin, bytes));
}
