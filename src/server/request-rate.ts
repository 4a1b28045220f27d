import type { Clock } from '../base/clock.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

const MINUTE_MS = 60_000;

/** So many requests in a minute from each address; more are refused until the minute is over. */
export class RequestRate {
  readonly #clock: Clock;
  readonly #perMinute: number;
  #minute = 0;
  readonly #counts = new Map<string, number>();

  constructor(clock: Clock, perMinute: number) {
    this.#clock = clock;
    this.#perMinute = perMinute;
  }

  /** Throws `busy`. */
  take(address: string): void {
    const minute = Math.floor(this.#clock.now() / MINUTE_MS);
    if (minute !== this.#minute) this.#counts.clear();
    this.#minute = minute;
    const isKnown = this.#counts.has(address);
    // Beyond so many addresses, all others share what one may have.
    const who = isKnown || this.#counts.size < LIMITS.anonymousAddressesMax ? address : '';
    const count = (this.#counts.get(who) ?? 0) + 1;
    this.#counts.set(who, count);
    if (count <= this.#perMinute) return;
    throw new GdpfsError(
      'busy',
      `cannot serve the request: more than ${this.#perMinute} in a minute`,
    );
  }
}
