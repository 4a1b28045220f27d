import { type Movement, STALL_TICKS } from './movement.ts';

/** Finds exchanges that have stalled: one timer for all of them, and none while there are none. */
export class StallWatch implements Disposable {
  readonly #tickMs: number;
  readonly #watched = new Map<Movement, () => void>();
  #timer: NodeJS.Timeout | undefined;

  /** `stallMs` without movement is a stall; it is found within an eighth more. */
  constructor(stallMs: number) {
    this.#tickMs = stallMs / STALL_TICKS;
  }

  /** Calls `onStall` as often as the exchange is found not to move. */
  add(movement: Movement, onStall: () => void): void {
    this.#watched.set(movement, onStall);
    // The sockets keep the process alive, as long as there is something to wait for.
    this.#timer ??= setInterval(() => this.#tick(), this.#tickMs).unref();
  }

  remove(movement: Movement): void {
    this.#watched.delete(movement);
    if (this.#watched.size === 0) this[Symbol.dispose]();
  }

  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #tick(): void {
    for (const [movement, onStall] of this.#watched) {
      if (movement.tick()) onStall();
    }
  }
}
