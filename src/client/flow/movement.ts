/** An exchange that does not move for this many ticks has stalled. */
export const STALL_TICKS = 8;

/**
 * Does one exchange move? Time is counted in ticks of the caller's, each an eighth of the time after
 * which a silent exchange has stalled: a process that was stopped for a while does not count it.
 *
 * While a body is sent, what is seen is that the socket takes it, and a slow link takes what lies in
 * the kernel's buffer for longer than the slice that filled it. So an exchange that took its time
 * may be silent for twice as long as it has been under way; a body has an end, so that has too.
 */
export class Movement {
  readonly #patienceMin: number;
  #age = 0;
  #silent = 0;
  #patience: number;
  /** Nothing is expected: we ourselves hold it up. */
  isPaused = false;

  /** `factor` times as much patience as usual. */
  constructor(factor = 1) {
    this.#patienceMin = factor * STALL_TICKS;
    this.#patience = this.#patienceMin;
  }

  /** A part of the request's body was taken by the socket. */
  sent(): void {
    this.#silent = 0;
    this.#patience = Math.max(this.#patienceMin, 2 * this.#age);
  }

  /** Something of the response came. */
  received(): void {
    this.#silent = 0;
    this.#patience = this.#patienceMin;
  }

  /** Time passes. Has it stalled? */
  tick(): boolean {
    if (this.isPaused) return false;
    this.#age += 1;
    this.#silent += 1;
    // The tick that is first after a movement may come at once after it.
    return this.#silent > this.#patience;
  }
}
