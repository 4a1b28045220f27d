import { LIMITS } from '../base/limits.ts';

export interface ReadItem<T, Data> {
  readonly item: T;
  readonly data: Data;
}

/** How items are read. */
export interface Reading<T, Data> {
  readonly read: (item: T) => Promise<Data>;
  readonly bytesOf: (item: T) => number;
  /** Gets what was read ahead for a consumer that left. */
  readonly discard?: (data: Data) => void;
  /** What is in memory counts there, until the consumer asks for the next. Absent: nowhere. */
  readonly room?: ReadRoom | undefined;
}

/** Memory for what is read. Whoever gave it takes back what is left of it. */
export interface ReadRoom {
  acquire(bytes: number): Promise<void>;
  /** False if it would have to wait. */
  tryAcquire(bytes: number): boolean;
  release(bytes: number): void;
}

const NO_LIMIT: ReadRoom = {
  acquire: async () => {},
  tryAcquire: () => true,
  release: () => {},
};

/**
 * Reads `items` in order, some ahead of the consumer, so that the disk and the client are busy at
 * the same time. At least one, beyond that bounded in number, by `bytesOf` them, and by the room.
 */
export async function* readAhead<T, Data>(
  items: readonly T[],
  { read, bytesOf, discard = () => {}, room = NO_LIMIT }: Reading<T, Data>,
): AsyncGenerator<ReadItem<T, Data>> {
  const reading: { readonly item: T; readonly data: Promise<Data> }[] = [];
  let readingBytes = 0;
  let nextIndex = 0;
  const start = (item: T): void => {
    const data = read(item);
    // Whoever takes it sees the failure; if nobody does, it must not end the process.
    data.catch(() => undefined);
    reading.push({ item, data });
    readingBytes += bytesOf(item);
    nextIndex += 1;
  };
  const fill = (): void => {
    while (nextIndex < items.length && reading.length < LIMITS.readAheadChunksMax) {
      const item = items[nextIndex];
      if (item === undefined) return;
      if (reading.length > 0 && readingBytes + bytesOf(item) > LIMITS.readAheadBytesMax) return;
      if (!room.tryAcquire(bytesOf(item))) return;
      start(item);
    }
  };
  try {
    for (;;) {
      const next = items[nextIndex];
      if (reading.length === 0 && next !== undefined) {
        await room.acquire(bytesOf(next));
        start(next);
      }
      fill();
      const first = reading.shift();
      if (first === undefined) return;
      const data = await first.data;
      readingBytes -= bytesOf(first.item);
      fill();
      yield { item: first.item, data };
      room.release(bytesOf(first.item));
    }
  } finally {
    for (const { data } of reading) data.then(discard, () => undefined);
  }
}
