/** Begins work before its result is wanted, a bounded number of steps ahead, and ends what nobody takes. */

export interface AheadOptions {
  /** Steps that are under way beside the one whose result is being used. */
  readonly ahead: number;
  readonly signal?: AbortSignal | undefined;
}

/** What `work` makes of each item, in order. Leaving early aborts the signal that `work` got. */
export async function* mapAhead<T, R>(
  items: Iterable<T>,
  { ahead, signal }: AheadOptions,
  work: (item: T, signal: AbortSignal) => Promise<R>,
): AsyncGenerator<R, void, void> {
  const left = new AbortController();
  const either = signal === undefined ? left.signal : AbortSignal.any([signal, left.signal]);
  const started: Promise<R>[] = [];
  const take = async (): Promise<R[]> => {
    const first = started.shift();
    return first === undefined ? [] : [await first];
  };
  try {
    for (const item of items) {
      either.throwIfAborted();
      const result = work(item, either);
      // It is awaited below, unless the reader leaves before.
      result.catch(() => {});
      started.push(result);
      if (started.length > ahead) yield* await take();
    }
    while (started.length > 0) yield* await take();
  } finally {
    left.abort();
    await Promise.allSettled(started);
  }
}

/** One behind the other what `open` gives for each item; the first part of later ones is fetched ahead. */
export async function* chainAhead<T, R>(
  items: Iterable<T>,
  options: AheadOptions,
  open: (item: T, signal: AbortSignal) => AsyncGenerator<R, void, void>,
): AsyncGenerator<R, void, void> {
  const opened = new Set<AsyncGenerator<R, void, void>>();
  const begun = mapAhead(items, options, async (item, signal) => {
    const rest = open(item, signal);
    opened.add(rest);
    return { first: await rest.next(), rest };
  });
  try {
    for await (const { first, rest } of begun) {
      if (first.done !== true) {
        yield first.value;
        yield* rest;
      }
      opened.delete(rest);
    }
  } finally {
    await Promise.allSettled([...opened].map((rest) => rest.return()));
  }
}
