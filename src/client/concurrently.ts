/**
 * Runs `work` for every item, `countMax` at a time, in order of start. After the first failure none
 * is started any more; it is thrown when all that were started have settled.
 */
export async function concurrently<T>(
  items: Iterable<T> | AsyncIterable<T>,
  countMax: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const running = new Set<Promise<void>>();
  const failures: unknown[] = [];
  const start = (item: T): void => {
    const task = work(item)
      .catch((error: unknown) => {
        failures.push(error);
      })
      .finally(() => running.delete(task));
    running.add(task);
  };
  try {
    for await (const item of items) {
      start(item);
      while (running.size >= countMax) await Promise.race(running);
      if (failures.length > 0) break;
    }
  } finally {
    await Promise.all(running);
  }
  if (failures.length > 0) throw failures[0];
}
