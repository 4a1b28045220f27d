import { setTimeout as sleep } from 'node:timers/promises';
import { LIMITS } from '../base/limits.ts';

/** Keeps long work on the main thread from holding up others: half of the time is theirs. */
export class Pace {
  readonly #signal: AbortSignal | undefined;
  #sinceMs = performance.now();

  constructor(signal?: AbortSignal) {
    this.#signal = signal;
  }

  /** To be called often: waits once the work took long enough. Throws the reason of the signal. */
  async rest(): Promise<void> {
    this.#signal?.throwIfAborted();
    const tookMs = performance.now() - this.#sinceMs;
    if (tookMs < LIMITS.gcSliceMs) return;
    await sleep(tookMs);
    this.#signal?.throwIfAborted();
    this.#sinceMs = performance.now();
  }
}
