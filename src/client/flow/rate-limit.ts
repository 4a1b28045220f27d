import { setTimeout as delay } from 'node:timers/promises';

/** Unused time that may be made up for: what crosses at once is at most this much of the rate. */
const BURST_MS = 250;
/** Bodies are sent in slices of at most this much of the rate, so that they flow evenly. */
const SLICE_MS = 125;
const SLICE_BYTES_MIN = 1024;

/** Keeps bytes, whatever their direction, at a rate: each reservation comes after the one before. */
export class RateLimit {
  readonly #bytesPerMs: number;
  readonly #nowMs: () => number;
  /** When all that was reserved so far has crossed. */
  #freeMs: number;

  constructor(bytesPerSecond: number, nowMs: () => number = () => performance.now()) {
    this.#bytesPerMs = bytesPerSecond / 1000;
    this.#nowMs = nowMs;
    // Nothing is saved up before the start.
    this.#freeMs = nowMs();
  }

  get sliceBytes(): number {
    return Math.max(SLICE_BYTES_MIN, Math.floor(this.#bytesPerMs * SLICE_MS));
  }

  /** Milliseconds to wait from now until `bytes` may have crossed; zero while the rate is not used up. */
  reserve(bytes: number): number {
    const nowMs = this.#nowMs();
    this.#freeMs = Math.max(this.#freeMs, nowMs - BURST_MS) + bytes / this.#bytesPerMs;
    return Math.max(0, this.#freeMs - nowMs);
  }

  /** Resolves when `bytes` may cross. Does not keep the process alive. */
  async take(bytes: number): Promise<void> {
    const waitMs = this.reserve(bytes);
    if (waitMs > 0) await delay(waitMs, undefined, { ref: false });
  }
}
