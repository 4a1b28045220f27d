import { bytesEqual } from '../base/bytes.ts';
import { shortKey } from '../storage/index-db.ts';

/**
 * Values by their digests: found by the short key, told apart by the whole. With strings for keys each
 * look would make one, which costs more than the look.
 */
export class DigestMap<Value extends { readonly digest: Uint8Array }> {
  /** Mostly one for each key. */
  readonly #found = new Map<number, readonly Value[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(digest: Uint8Array): Value | undefined {
    return this.#found.get(shortKey(digest))?.find((value) => bytesEqual(value.digest, digest));
  }

  /** Is there a value whose digest has the short key of this one? */
  hasKeyOf(digest: Uint8Array): boolean {
    return this.#found.has(shortKey(digest));
  }

  /** In the place of the one with the same digest, if there is one. */
  set(value: Value): void {
    const key = shortKey(value.digest);
    const before = this.#found.get(key) ?? [];
    const others = before.filter(({ digest }) => !bytesEqual(digest, value.digest));
    this.#found.set(key, [...others, value]);
    this.#size += 1 + others.length - before.length;
  }

  delete(digest: Uint8Array): void {
    const key = shortKey(digest);
    const before = this.#found.get(key);
    if (before === undefined) return;
    const others = before.filter((value) => !bytesEqual(value.digest, digest));
    this.#size -= before.length - others.length;
    if (others.length === 0) this.#found.delete(key);
    else this.#found.set(key, others);
  }

  *values(): Generator<Value> {
    for (const values of this.#found.values()) yield* values;
  }
}
