import { LIMITS } from '../base/limits.ts';
import type { Position } from '../storage/replay-visitor.ts';
import { earlier, type WaitingRow, type WaitingRows } from './waiting-rows.ts';

type Table = Pick<
  WaitingRows<WaitingRow>,
  'size' | 'isFull' | 'from' | 'begin' | 'writeSome' | 'settle'
>;

/**
 * What waits for the index, of all tables whose rows do. Some of it goes with each transaction, once
 * enough waits; what is left goes when nobody has changed anything for a while.
 */
export class Backlog {
  readonly #tables: readonly Table[];
  readonly #run: (begin: () => void) => Promise<void>;
  readonly #rest: () => void;
  #timer: NodeJS.Timeout | undefined;
  /** A transaction is on its way, or open, that is there for what waits. */
  #asked: Promise<boolean> | undefined;
  #isClosed = false;

  constructor(options: {
    readonly tables: readonly Table[];
    /** Has a transaction made, in its turn, and calls back in it. */
    readonly run: (begin: () => void) => Promise<void>;
    /** Nothing waits, and nobody changes anything. */
    readonly rest: () => void;
  }) {
    this.#tables = options.tables;
    this.#run = options.run;
    this.#rest = options.rest;
  }

  /** Rows that wait. */
  get size(): number {
    return this.#tables.reduce((sum, { size }) => sum + size, 0);
  }

  /** Everything before it is in the index, once the open transaction is committed; undefined for all. */
  get from(): Position | undefined {
    let from: Position | undefined;
    for (const table of this.#tables) {
      if (table.from !== undefined) from = earlier(from ?? table.from, table.from);
    }
    return from;
  }

  /** Rows came without a transaction. */
  grown(): void {
    if (this.#tables.some(({ isFull }) => isFull)) void this.#ask();
    else this.#wait(LIMITS.indexIdleMs);
  }

  /** In the open transaction. */
  writeSome(): void {
    for (const table of this.#tables) table.writeSome();
  }

  /** The transaction is over. */
  settle({ isCommitted }: { readonly isCommitted: boolean }): void {
    for (const table of this.#tables) table.settle({ isCommitted });
    // Once nobody else has something to do, there is no pause.
    this.#wait(this.#asked !== undefined && isCommitted ? 0 : LIMITS.indexIdleMs);
  }

  /** Has written what comes from before a place, as far as that is possible, while more may come. */
  async write(until: Position): Promise<void> {
    const isAhead = (): boolean => this.from === undefined || earlier(until, this.from) === until;
    for (let isGoing = true; isGoing && !isAhead(); ) isGoing = await this.#ask();
  }

  /** Has everything written, as far as that is possible. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    let isGoing = true;
    while (isGoing && this.size > 0) isGoing = await this.#ask();
  }

  #wait(delayMs: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.size === 0) this.#rest();
      else void this.#ask();
    }, delayMs).unref();
  }

  /** False if it failed. */
  async #ask(): Promise<boolean> {
    this.#asked ??= this.#write();
    return await this.#asked;
  }

  async #write(): Promise<boolean> {
    try {
      await this.#run(() => {
        for (const table of this.#tables) table.begin();
      });
      return true;
    } catch {
      // Who changes something is told of it; what waits goes on waiting, and is read again after a restart.
      return false;
    } finally {
      this.#asked = undefined;
    }
  }
}
