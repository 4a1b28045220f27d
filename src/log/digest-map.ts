import { bytesEqual } from '../base/bytes.ts';
import { shortKey } from '../storage/index-db.ts';

/**
 * Values by their digests: found by the short key, told apart by the whole. With strings for keys each
 * look would make one, which costs more than the look.
 */
export class DigestMap<Value extends { readonly digest: Uint8Array }> {
  /** Mostly one for each key. */
  readonly #found = new Map<number, Value | readonly Value[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get(digest: Uint8Array): Value | undefined {
    const found = this.#found.get(shortKey(digest));
    if (found === undefined) return undefined;
    if (isMany(found)) return found.find((value) => bytesEqual(value.digest, digest));
    return bytesEqual(found.digest, digest) ? found : undefined;
  }

  /** Is there a value whose digest has the short key of this one? */
  hasKeyOf(digest: Uint8Array): boolean {
    return this.#found.has(shortKey(digest));
  }

  /** In the place of the one with the same digest, if there is one. */
  set(value: Value): void {
    const key = shortKey(value.digest);
    const before = this.#found.get(key);
    if (before === undefined) {
      this.#found.set(key, value);
      this.#size += 1;
      return;
    }
    const all = isMany(before) ? before : [before];
    const others = all.filter(({ digest }) => !bytesEqual(digest, value.digest));
    this.#found.set(key, others.length === 0 ? value : [...others, value]);
    this.#size += 1 + others.length - all.length;
  }

  *values(): Generator<Value> {
    for (const found of this.#found.values()) {
      if (isMany(found)) yield* found;
      else yield found;
    }
  }

  /** In the order of their short keys. */
  inOrder(): Value[] {
    const keys = Int32Array.from(this.#found.keys()).sort();
    return Array.from(keys).flatMap((key) => this.#found.get(key) ?? []);
  }
}

function isMany<Value>(found: Value | readonly Value[]): found is readonly Value[] {
  return Array.isArray(found);
}
