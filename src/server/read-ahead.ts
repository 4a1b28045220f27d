import { LIMITS } from '../base/limits.ts';

export interface ReadItem<T> {
  readonly item: T;
  readonly data: Uint8Array;
}

/**
 * Reads `items` in order, some ahead of the consumer, so that the disk and the client are busy at
 * the same time. At least one, beyond that bounded in number and by `bytesOf` them.
 */
export async function* readAhead<T>(
  items: readonly T[],
  read: (item: T) => Promise<Uint8Array>,
  bytesOf: (item: T) => number,
): AsyncGenerator<ReadItem<T>> {
  const reading: { readonly item: T; readonly data: Promise<Uint8Array> }[] = [];
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
  for (let first = reading.shift(); first !== undefined; first = reading.shift()) {
    const data = await first.data;
    readingBytes -= bytesOf(first.item);
    fill();
    yield { item: first.item, data };
  }
}
