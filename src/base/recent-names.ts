/** A bounded set of names: the ones that were added last. */
export class RecentNames {
  readonly #countMax: number;
  /** In the order in which they were added last. */
  readonly #names = new Set<string>();

  constructor(countMax: number) {
    this.#countMax = countMax;
  }

  /** Was it there already? */
  add(name: string): boolean {
    const wasThere = this.#names.delete(name);
    this.#names.add(name);
    if (this.#names.size > this.#countMax) {
      const [oldest] = this.#names;
      if (oldest !== undefined) this.#names.delete(oldest);
    }
    return wasThere;
  }
}
