import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Transaction } from './transaction.ts';

export type Purpose = 'change' | 'trial' | 'signed';

/** A change waiting for its turn. */
export interface Job {
  /** Appends what the change adds, or throws to refuse it; again, if it did not fit into a batch. */
  readonly plan: (transaction: Transaction) => unknown;
  /** Frees space, so it may use the reserve of a full disk. */
  readonly urgent: boolean;
  /**
   * What the plan is for beside a change that this server signs: `trial`: only to see what it would
   * append, all of which is taken back; `signed`: somebody else has signed what it appends.
   */
  readonly purpose: Purpose;
  readonly resolve: (result: unknown) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Orders the changes of all volumes: hands what waits to `runBatch` as one batch (one transaction,
 * one sync), and only then goes on. So changes are serialized, and under load they share their costs.
 */
export class Sequencer {
  readonly #runBatch: (jobs: readonly Job[]) => Promise<number>;
  #queue: Job[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  /** `runBatch` settles a prefix of `jobs`, returns its length (at least 1) and never throws. */
  constructor(runBatch: (jobs: readonly Job[]) => Promise<number>) {
    this.#runBatch = runBatch;
  }

  /** Changes that wait for their turn, or have it. */
  get waiting(): number {
    return this.#queue.length;
  }

  /** Throws `busy` when too many changes wait. */
  async run<T>(
    plan: (transaction: Transaction) => T,
    { urgent = false, purpose = 'change' }: Partial<Pick<Job, 'urgent' | 'purpose'>> = {},
  ): Promise<T> {
    if (this.#closed) throw new GdpfsError('unavailable', 'cannot change: the store is closed');
    if (this.#queue.length >= LIMITS.sequencerQueueMax) {
      throw new GdpfsError('busy', 'cannot change: too many changes are waiting');
    }
    return await new Promise<T>((resolve, reject) => {
      const settle = resolve as (result: unknown) => void;
      this.#queue.push({ plan, urgent, purpose, resolve: settle, reject });
      this.#running ??= this.#drain();
    });
  }

  /** Waits for the changes that were accepted; accepts no more. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #drain(): Promise<void> {
    // Changes that arrive in the same turn of the event loop share the batch.
    await Promise.resolve();
    while (this.#queue.length > 0) {
      const taken = await this.#runBatch(this.#queue.slice(0, LIMITS.batchChangesMax));
      this.#queue.splice(0, taken);
    }
    this.#running = undefined;
  }
}
