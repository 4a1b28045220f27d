import { GdpfsError } from '../base/errors.ts';

/** How many requests may do it at the same time: of all, and of one principal. */
export interface SlotLimits {
  readonly countMax: number;
  readonly perPrincipalMax: number;
}

/**
 * Bounds how many requests do one kind of expensive or long work at the same time. Who asks, or reads
 * the answer slowly, decides how long it takes: nobody may have all.
 */
export class Slots {
  readonly #what: string;
  readonly #limits: SlotLimits;
  readonly #counts = new Map<string, number>();
  #count = 0;

  /** `what` is the work, for the message: `compute an MD5`. */
  constructor(what: string, limits: SlotLimits) {
    this.#what = what;
    this.#limits = limits;
  }

  /** Free again when it is disposed of. Strangers are one principal, undefined. Throws `busy`. */
  take(principal = ''): Disposable {
    const { countMax, perPrincipalMax } = this.#limits;
    const own = this.#counts.get(principal) ?? 0;
    if (this.#count >= countMax || own >= perPrincipalMax) {
      const whose = principal === '' ? 'of strangers' : `of "${principal}"`;
      throw new GdpfsError(
        'busy',
        `cannot ${this.#what}: ${own} requests ${whose} and ${this.#count} in all are at it, ` +
          `need fewer than ${perPrincipalMax} and ${countMax}`,
      );
    }
    this.#count += 1;
    this.#counts.set(principal, own + 1);
    return { [Symbol.dispose]: () => this.#free(principal) };
  }

  #free(principal: string): void {
    this.#count -= 1;
    const left = (this.#counts.get(principal) ?? 0) - 1;
    if (left > 0) this.#counts.set(principal, left);
    else this.#counts.delete(principal);
  }
}
