import type { Clock } from '../base/clock.ts';
import { LIMITS } from '../base/limits.ts';
import { KeptFilter } from './kept-filter.ts';

/**
 * Chunks that somebody was told lately to be there: they may be on their way to commit a file that names
 * them. It remembers them for `reliedOnMs` and up to as long again.
 */
export class ReliedOn {
  readonly #clock: Clock;
  #now: KeptFilter | undefined;
  #before: KeptFilter | undefined;
  #sinceMs = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  add(volume: number, digest: Uint8Array): void {
    this.#turn();
    this.#now ??= KeptFilter.create(LIMITS.reliedOnFilterBytes);
    this.#now.add(volume, digest);
  }

  has(volume: number, digest: Uint8Array): boolean {
    this.#turn();
    return this.#now?.has(volume, digest) === true || this.#before?.has(volume, digest) === true;
  }

  #turn(): void {
    const nowMs = this.#clock.now();
    const ageMs = nowMs - this.#sinceMs;
    if (ageMs < LIMITS.reliedOnMs) return;
    this.#before = ageMs < 2 * LIMITS.reliedOnMs ? this.#now : undefined;
    this.#now = undefined;
    this.#sinceMs = nowMs;
  }
}
