import type { Clock } from '../base/clock.ts';
import { LIMITS } from '../base/limits.ts';

/**
 * What time it is at least: as the clock says, but no further from the newest commit that there was at the
 * start than time was seen to pass since then, and `clockLeapMsMax`. A clock that is wrong by years would make all history look old, and
 * what is freed does not come back. It falls behind where nobody has written for long: what is old then stays a while longer.
 */
export class SeenTime {
  readonly #clock: Clock;
  readonly #elapsedMs: () => number;
  readonly #originMs: number;

  /** `newestMs`: when anything was committed last. `elapsedMs` counts from anywhere, and never leaps. */
  constructor(clock: Clock, newestMs: number, elapsedMs = (): number => performance.now()) {
    this.#clock = clock;
    this.#elapsedMs = elapsedMs;
    this.#originMs = Math.min(clock.now(), newestMs + LIMITS.clockLeapMsMax) - elapsedMs();
  }

  /** Milliseconds since the Unix epoch. */
  now(): number {
    return Math.min(this.#clock.now(), Math.floor(this.#originMs + this.#elapsedMs()));
  }
}
