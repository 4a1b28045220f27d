import { LIMITS } from '../base/limits.ts';

export interface ReadItem<T, Data> {
  readonly item: T;
  readonly data: Data;
}

/**
 * Reads `items` in order, some ahead of the consumer, so that the disk and the client are busy at
 * the same time. At least one, beyond that bounded in number and by `bytesOf` them. `discard` gets
 * what was read ahead for a consumer that left.
 */
export async function* readAhead<T, Data>(
  items: readonly T[],
  read: (item: T) => Promise<Data>,
  bytesOf: (item: T) => number,
  discard: (data: Data) => void = () => {},
): AsyncGenerator<ReadItem<T, Data>> {
  const reading: { readonly item: T; readonly data: Promise<Data> }[] = [];
  let readingBytes = 0;
  let nextIndex = 0;
  const fill = (): void => {
    while (nextIndex < items.length && reading.length < LIMITS.readAheadChunksMax) {
      const item = items[nextIndex];
      if (item === undefined) return;
      if (reading.length > 0 && readingBytes + bytesOf(item) > LIMITS.readAheadBytesMax) return;
      const data = read(item);
      // Whoever takes it sees the failure; if nobody does, it must not end the process.
      data.catch(() => undefined);
      reading.push({ item, data });
      readingBytes += bytesOf(item);
      nextIndex += 1;
    }
  };
  fill();
  try {
    for (let first = reading.shift(); first !== undefined; first = reading.shift()) {
      const data = await first.data;
      readingBytes -= bytesOf(first.item);
      fill();
      yield { item: first.item, data };
    }
  } finally {
    for (const { data } of reading) data.then(discard, () => undefined);
  }
}
