import { LIMITS } from '../../base/limits.ts';
import type { Chunking } from '../../format/chunker.ts';
import type { Chunk } from '../../format/manifest.ts';
import { type BodyPool, ChunkBody, type Extent } from '../chunk-body.ts';
import type { SourceFile } from '../source-file.ts';
import type { FilePart } from './fill-job.ts';
import { FILLS_AHEAD } from './fill-threads.ts';

/** A part of a file, read and summed, as the frames of its chunks. */
export interface FileBody extends Disposable {
  readonly body: ChunkBody;
  /** Those in the body. What the part has beside them is holes. */
  readonly chunks: readonly Chunk[];
  /** Their checksums mean nothing. */
  readonly isUnsummed: boolean;
  /** Where the part ends in the file. */
  readonly end: number;
  /** When it was not read yet: milliseconds since the Unix epoch. */
  readonly unreadMs: number;
}

/** A part of a file that is to be read. */
export interface FileStretch {
  readonly start: number;
  /** The last chunk ends here. */
  readonly end: number;
}

/** What of which file goes into which buffers. */
export interface FileReading {
  readonly source: SourceFile;
  readonly pool: BodyPool;
  readonly signal?: AbortSignal | undefined;
  /** Are no checksums needed of what is read next? */
  readonly isUnsummed: () => boolean;
}

/** What of the file is in the stretch, in order. Whoever takes a body disposes of it. */
export function fileBodies(
  reading: FileReading,
  stretch: FileStretch,
  chunking: Chunking,
): AsyncGenerator<FileBody, void, void> {
  if (chunking.mode === 'cdc') return cutBodies(reading, stretch, chunking.key);
  return extentBodies(reading, fixedGroups(stretch, chunking.chunkSize));
}

/** The chunks at known places, each group in one body; several are read ahead. */
export async function* extentBodies(
  reading: FileReading,
  groups: Iterable<readonly Extent[]>,
): AsyncGenerator<FileBody, void, void> {
  const filling: Promise<FileBody>[] = [];
  const next = async (): Promise<FileBody[]> => {
    const body = await filling.shift();
    return body === undefined ? [] : [body];
  };
  try {
    for (const extents of groups) {
      const body = fillBody(reading, { kind: 'extents', extents });
      // It is awaited below, unless the reader leaves before.
      body.catch(() => {});
      filling.push(body);
      if (filling.length >= FILLS_AHEAD) yield* await next();
    }
    while (filling.length > 0) yield* await next();
  } finally {
    for (const left of await Promise.allSettled(filling)) {
      if (left.status === 'fulfilled') left.value[Symbol.dispose]();
    }
  }
}

/** Where a body begins is known only when the one before has been cut. */
async function* cutBodies(
  reading: FileReading,
  { start, end }: FileStretch,
  key: Uint8Array,
): AsyncGenerator<FileBody, void, void> {
  for (let position = start; position < end; ) {
    const body = await fillBody(reading, { kind: 'cut', key, start: position, end });
    position = body.end;
    yield body;
  }
}

async function fillBody(reading: FileReading, part: FilePart): Promise<FileBody> {
  const { source, pool, signal } = reading;
  const lease = await pool.lend();
  try {
    signal?.throwIfAborted();
    const unreadMs = Date.now();
    const isUnsummed = reading.isUnsummed();
    const { chunks, end } = await source.fill(lease.bytes, part, isUnsummed);
    const body = new ChunkBody(lease.bytes, chunks);
    const give = (): void => lease[Symbol.dispose]();
    return { body, chunks, isUnsummed, end, unreadMs, [Symbol.dispose]: give };
  } catch (error) {
    lease[Symbol.dispose]();
    throw error;
  }
}

/** Chunks of one size, the last one shorter, as many as make a body. */
function* fixedGroups(stretch: FileStretch, chunkSize: number): Generator<Extent[], void, void> {
  const { end } = stretch;
  const count = Math.min(
    LIMITS.bodyChunksMax,
    Math.max(1, Math.floor(LIMITS.bodyBytesTarget / chunkSize)),
  );
  for (let start = stretch.start; start < end; start += count * chunkSize) {
    const extents: Extent[] = [];
    for (let offset = start; extents.length < count && offset < end; offset += chunkSize) {
      extents.push({ offset, length: Math.min(chunkSize, end - offset) });
    }
    yield extents;
  }
}
