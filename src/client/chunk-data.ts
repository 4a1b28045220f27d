import { bytesEqual, EMPTY_BYTES } from '../base/bytes.ts';
import { sha256Each } from '../base/digest.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Chunk } from '../format/manifest.ts';
import type { StorageFileChunksGetQuery } from '../wire/generated/api.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import type { ChunkBody, Extent } from './chunk-body.ts';
import type { FileVersion } from './manifest.ts';
import { withRetry } from './retry.ts';
import type { MaybeUndefined, Session } from './session.ts';
import { userPath } from '../format/path.ts';

/**
 * Fetches chunks of one version of a file into `body`, which is of them and is returned, and checks every one: its
 * header, and its SHA-256. Data that does not match is asked for again, a few times; then `corrupt`.
 * `changed` if the file is another by now. `chunks` are a group of `groupChunks`.
 */
export async function fetchChunks(
  session: Session,
  version: FileVersion,
  chunks: readonly Chunk[],
  body: ChunkBody,
): Promise<ChunkBody> {
  try {
    let verify: true | undefined;
    const fetchOnce = async (): Promise<void> => {
      await receive(session, version, { chunks, body, verify });
      // If these are bad it was the wire or the store: the next time the server looks closely.
      verify = true;
      await check(version.path, chunks, body);
    };
    await withRetry(fetchOnce, { signal: version.signal, retriesMax: LIMITS.badDataRetriesMax });
  } catch (error) {
    if (!isGdpfsError(error, 'bad_chunk')) throw error;
    throw new GdpfsError('corrupt', error.message, { cause: error });
  }
  return body;
}

async function receive(
  session: Session,
  { path, at, etag, signal }: FileVersion,
  what: {
    readonly chunks: readonly Chunk[];
    readonly body: ChunkBody;
    readonly verify: true | undefined;
  },
): Promise<void> {
  const { chunks, body, verify } = what;
  const ranges = rangesOf(chunks);
  const query: MaybeUndefined<StorageFileChunksGetQuery> = { path, at, ranges, verify };
  const { bodyBytes } = await session.request({
    method: 'GET',
    route: '/api/v1/storage/file/chunks',
    query,
    accept: MEDIA_TYPES.chunks,
    ifMatch: etag,
    into: body.frames,
    signal,
  });
  if (bodyBytes < body.size) {
    throw badChunk(path, `${bodyBytes} bytes of frames, need ${body.size}`);
  }
}

/** The digest says all that the checksum could. */
async function check(path: string, chunks: readonly Chunk[], body: ChunkBody): Promise<void> {
  for (const [index, chunk] of chunks.entries()) {
    if (body.hasHeader(index, chunk)) continue;
    throw badChunk(path, `the frame at ${chunk.offset} is not that of the manifest`);
  }
  const digests = await sha256Each(chunks.map((_, index) => body.view(index)));
  for (const [index, { offset, digest }] of chunks.entries()) {
    if (bytesEqual(digests[index] ?? EMPTY_BYTES, digest)) continue;
    throw badChunk(path, `the data at ${offset} does not have its digest`);
  }
}

/** Neighbors share a range. */
function rangesOf(extents: readonly Extent[]): string {
  const ranges: { offset: number; length: number }[] = [];
  for (const { offset, length } of extents) {
    const last = ranges.at(-1);
    if (last !== undefined && last.offset + last.length === offset) last.length += length;
    else ranges.push({ offset, length });
  }
  return ranges.map(({ offset, length }) => `${offset}:${length}`).join(',');
}

function badChunk(path: string, why: string): GdpfsError {
  return new GdpfsError('bad_chunk', `cannot use chunks of "${userPath(path)}": ${why}`);
}
