/** Counts values by size, as Prometheus does: so many were at most so large. Costs the same however many come. */
export class Histogram {
  /** Upper bounds, inclusive, rising. */
  readonly bounds: readonly number[];
  /** Of values above the bound before and at most this one; the last is of those above all bounds. */
  readonly #counts: number[];
  #sum = 0;

  constructor(bounds: readonly number[]) {
    this.bounds = bounds;
    this.#counts = Array.from({ length: bounds.length + 1 }, () => 0);
  }

  observe(value: number): void {
    const found = this.bounds.findIndex((bound) => value <= bound);
    const index = found === -1 ? this.bounds.length : found;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
  }

  get sum(): number {
    return this.#sum;
  }

  /** Values that were at most each bound, then all of them. */
  cumulative(): number[] {
    let total = 0;
    return this.#counts.map((count) => (total += count));
  }
}
