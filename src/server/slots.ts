import { GdpfsError } from '../base/errors.ts';

/** Bounds how many requests do one kind of expensive work at the same time. */
export class Slots {
  readonly #what: string;
  readonly #countMax: number;
  #count = 0;

  /** `what` is the work, for the message: `compute an MD5`. */
  constructor(what: string, countMax: number) {
    this.#what = what;
    this.#countMax = countMax;
  }

  /** Free again when it is disposed of. Throws `busy`. */
  take(): Disposable {
    if (this.#count === this.#countMax) {
      throw new GdpfsError(
        'busy',
        `cannot ${this.#what}: ${this.#count} requests are at it, need fewer than ${this.#countMax}`,
      );
    }
    this.#count += 1;
    return {
      [Symbol.dispose]: () => {
        this.#count -= 1;
      },
    };
  }
}
