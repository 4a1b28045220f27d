/**
 * Tasks of several kinds that run beside each other, of each kind so many at a time. After the first
 * failure none is started any more.
 */
export class TaskGroup {
  readonly #running = new Set<Promise<void>>();
  readonly #failures: unknown[] = [];

  /** A kind of task. The function starts one, as soon as there is room; it throws what failed before. */
  lane(countMax: number): (task: () => Promise<void>) => Promise<void> {
    const running = new Set<Promise<void>>();
    return async (task) => {
      while (running.size >= countMax && this.#failures.length === 0) await Promise.race(running);
      this.#throwFailure();
      const started = task()
        .catch((error: unknown) => {
          this.#failures.push(error);
        })
        .finally(() => {
          running.delete(started);
          this.#running.delete(started);
        });
      running.add(started);
      this.#running.add(started);
    };
  }

  /** Waits until all that was started has ended; throws what failed first. */
  async settle(): Promise<void> {
    await Promise.all(this.#running);
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failures.length > 0) throw this.#failures[0];
  }
}
