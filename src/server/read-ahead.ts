import { LIMITS } from '../base/limits.ts';
import type { Chunk } from '../format/manifest.ts';

export interface ReadChunk {
  readonly chunk: Chunk;
  readonly data: Uint8Array;
}

/**
 * Reads `chunks` in order, some ahead of the consumer, so that the disk and the client are busy at
 * the same time. At least one, beyond that bounded in number and bytes.
 */
export async function* readAhead(
  chunks: readonly Chunk[],
  read: (chunk: Chunk) => Promise<Uint8Array>,
): AsyncGenerator<ReadChunk> {
  const reading: { readonly chunk: Chunk; readonly data: Promise<Uint8Array> }[] = [];
  let readingBytes = 0;
  let nextIndex = 0;
  const fill = (): void => {
    while (nextIndex < chunks.length && reading.length < LIMITS.readAheadChunksMax) {
      const chunk = chunks[nextIndex];
      if (chunk === undefined) return;
      if (reading.length > 0 && readingBytes + chunk.length > LIMITS.readAheadBytesMax) return;
      const data = read(chunk);
      // Whoever takes it sees the failure; if nobody does, it must not end the process.
      data.catch(() => undefined);
      reading.push({ chunk, data });
      readingBytes += chunk.length;
      nextIndex += 1;
    }
  };
  fill();
  for (let first = reading.shift(); first !== undefined; first = reading.shift()) {
    const data = await first.data;
    readingBytes -= first.chunk.length;
    fill();
    yield { chunk: first.chunk, data };
  }
}
