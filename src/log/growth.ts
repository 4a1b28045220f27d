/** Wakes who waits for logs to grow. Waiters see what is committed when they wake. */
export class Growth {
  readonly #waiting = new Map<number, Set<() => void>>();

  /** Resolves when one of the logs has grown, when all are woken, or when `signal` aborts. */
  async next(volumes: readonly number[], signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    for (const volume of volumes) {
      const waiting = this.#waiting.get(volume) ?? new Set();
      this.#waiting.set(volume, waiting.add(resolve));
    }
    const stop = (): void => resolve();
    signal.addEventListener('abort', stop);
    try {
      await promise;
    } finally {
      signal.removeEventListener('abort', stop);
      for (const volume of volumes) {
        const waiting = this.#waiting.get(volume);
        waiting?.delete(resolve);
        if (waiting?.size === 0) this.#waiting.delete(volume);
      }
    }
  }

  /** The log has grown, and that is visible. */
  grown(volume: number): void {
    for (const wake of this.#waiting.get(volume) ?? []) wake();
  }

  wakeAll(): void {
    for (const volume of this.#waiting.keys()) this.grown(volume);
  }
}
