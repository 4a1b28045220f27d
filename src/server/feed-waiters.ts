import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

/** Bounds how many requests wait for changes, of one principal and in all. */
export class FeedWaiters {
  readonly #counts = new Map<string, number>();
  #count = 0;

  /** Free again when it is disposed of. Throws `busy`. */
  take(principal: string): Disposable {
    const own = this.#counts.get(principal) ?? 0;
    const countMax = LIMITS.feedWaitersMax;
    const ownMax = LIMITS.feedWaitersPerPrincipalMax;
    if (this.#count >= countMax || own >= ownMax) {
      throw new GdpfsError(
        'busy',
        `cannot wait for changes: ${own} requests of "${principal}" and ${this.#count} in all do, ` +
          `need fewer than ${ownMax} and ${countMax}`,
      );
    }
    this.#count += 1;
    this.#counts.set(principal, own + 1);
    return {
      [Symbol.dispose]: () => {
        this.#count -= 1;
        const left = (this.#counts.get(principal) ?? 0) - 1;
        if (left > 0) this.#counts.set(principal, left);
        else this.#counts.delete(principal);
      },
    };
  }
}
