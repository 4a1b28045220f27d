import { LIMITS } from './limits.ts';

/**
 * Is a disk fast enough to do without the page cache? Where it is slow, whoever reads what has just
 * been written should find it in memory, and the cost of the cache does not count: the disk is what
 * everybody waits for. Times are in milliseconds, of any clock.
 */
export class DiskPace {
  #inFlight = 0;
  #busySinceMs = 0;
  #busyMs = 0;
  #bytes = 0;
  #isSlow = false;

  /** Was it slow when it was measured last? A new measurement begins after some bytes that were not. */
  get isSlow(): boolean {
    return this.#isSlow;
  }

  /** A direct read or write begins. */
  begin(nowMs: number): void {
    if (this.#inFlight === 0) this.#busySinceMs = nowMs;
    this.#inFlight += 1;
  }

  /** It has ended, with so many bytes. */
  end(nowMs: number, bytes: number): void {
    this.#inFlight -= 1;
    this.#bytes += bytes;
    if (this.#inFlight > 0 && this.#bytes < LIMITS.diskPaceBytes) return;
    this.#busyMs += nowMs - this.#busySinceMs;
    this.#busySinceMs = nowMs;
    if (this.#bytes < LIMITS.diskPaceBytes) return;
    this.#isSlow = this.#bytes < LIMITS.slowDiskBytesPerSecond * (this.#busyMs / 1000);
    this.#bytes = 0;
    this.#busyMs = 0;
  }

  /** So many bytes went through the cache because the disk is slow. */
  passed(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes < LIMITS.slowDiskBytes) return;
    this.#bytes = 0;
    this.#isSlow = false;
  }
}
