/** Bounds the bytes that many requests hold in memory together. First come, first served. */
export class ByteBudget {
  readonly bytesMax: number;
  #bytesUsed = 0;
  readonly #waiting: { readonly bytes: number; readonly start: () => void }[] = [];

  constructor(bytesMax: number) {
    this.bytesMax = bytesMax;
  }

  get isFull(): boolean {
    return this.#bytesUsed >= this.bytesMax;
  }

  get bytesUsed(): number {
    return this.#bytesUsed;
  }

  /** How many wait until their bytes fit. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** Counts bytes that are in memory already, even beyond the budget. */
  take(bytes: number): void {
    this.#bytesUsed += bytes;
  }

  /** Resolves when `bytes` fit, and counts them. More than the whole budget waits to be alone. */
  async acquire(bytes: number): Promise<void> {
    if (!this.tryAcquire(bytes)) {
      await new Promise<void>((resolve) => {
        this.#waiting.push({ bytes, start: resolve });
      });
    }
  }

  /** As `acquire`, if nobody has to wait for it; false if somebody would. */
  tryAcquire(bytes: number): boolean {
    const isFree = this.#waiting.length === 0 && this.#fits(bytes);
    if (isFree) this.#bytesUsed += bytes;
    return isFree;
  }

  /** Resolves when the budget is not full. */
  async whenFree(): Promise<void> {
    if (this.isFull) await this.acquire(0);
  }

  release(bytes: number): void {
    this.#bytesUsed -= bytes;
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (!this.#fits(next.bytes)) return;
      this.#waiting.shift();
      this.#bytesUsed += next.bytes;
      next.start();
    }
  }

  #fits(bytes: number): boolean {
    if (bytes === 0) return !this.isFull;
    return this.#bytesUsed === 0 || this.#bytesUsed + bytes <= this.bytesMax;
  }
}
