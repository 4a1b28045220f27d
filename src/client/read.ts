import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { overlapping } from '../format/content.ts';
import type { Chunk, Manifest } from '../format/manifest.ts';
import { ChunkBody, groupChunks, sizeOfBody } from './chunk-body.ts';
import { fetchChunks } from './chunk-data.ts';
import { findVersion } from './download.ts';
import type { StatOptions } from './files.ts';
import { type FileVersion, fetchManifest } from './manifest.ts';
import type { Session } from './session.ts';
import { userPath } from '../format/path.ts';

export interface ReadOptions extends StatOptions {
  /** Bytes; to the end of the file without `length`. The whole file if absent. */
  readonly range?: { readonly offset: number; readonly length?: number };
  /** The version to read, where it is known, such as from a listing; else `changed`. */
  readonly version?: Pick<FileVersion, 'size' | 'etag'>;
}

/** Bodies fetched ahead of the reader. */
const BODIES_AHEAD = 3;

/**
 * The bytes of a file or of a part of it, each checked before it is handed out, all of one version:
 * once that is known, it stays readable whatever becomes of the path. The pieces are the caller's to
 * keep. A range is cut to the file. Throws `bad_range` if it begins behind the end. A reader that
 * leaves early ends what is under way.
 */
export async function* readFile(
  session: Session,
  path: string,
  options: ReadOptions = {},
): AsyncGenerator<Uint8Array, void, void> {
  const left = new AbortController();
  const { signal = left.signal, range } = options;
  const { version: found, manifest } = await openVersion(session, path, options);
  const { offset, end } = cut(found, range);
  const version = { ...found, signal: AbortSignal.any([signal, left.signal]) };
  let position = offset;
  try {
    for await (const { data, start } of liveChunks(session, version, { manifest, offset, end })) {
      if (start > position) yield* zeros(start - position);
      const from = Math.max(offset, start);
      position = Math.min(end, start + data.length);
      yield data.subarray(from - start, position - start);
    }
    yield* zeros(end - position);
  } finally {
    left.abort();
  }
}

/** A version with its chunks. A file may be replaced between the two questions, but not for ever. */
async function openVersion(
  session: Session,
  path: string,
  { at, signal, version: known }: ReadOptions,
): Promise<{ readonly version: FileVersion; readonly manifest: Manifest }> {
  for (let round = 0; ; round += 1) {
    const version =
      known === undefined
        ? await findVersion(session, { path, at, signal })
        : { ...known, path, at, signal };
    try {
      const manifest = await fetchManifest(session, version);
      return { version: { ...version, at: manifest.at }, manifest };
    } catch (error) {
      const isFinal = known !== undefined || round === LIMITS.changedRoundsMax;
      if (isFinal || !isGdpfsError(error, 'changed')) throw error;
    }
  }
}

function cut(
  { path, size }: FileVersion,
  range: ReadOptions['range'] = { offset: 0 },
): { readonly offset: number; readonly end: number } {
  const { offset, length = size } = range;
  if (offset <= size) return { offset, end: Math.min(size, offset + length) };
  throw new GdpfsError(
    'bad_range',
    `cannot read "${userPath(path)}" from byte ${offset}: it has ${size} bytes`,
  );
}

interface LiveChunk {
  readonly data: Uint8Array;
  /** Offset in the file. */
  readonly start: number;
}

/** The chunks of a range, in order, some fetched ahead. */
async function* liveChunks(
  session: Session,
  version: FileVersion,
  where: { readonly manifest: Manifest; readonly offset: number; readonly end: number },
): AsyncGenerator<LiveChunk, void, void> {
  const { offset, end } = where;
  const wanted = overlapping(where.manifest.chunks, { offset, length: end - offset });
  const groups = groupChunks(wanted);
  const fetching: Promise<ChunkBody>[] = [];
  const fetchNext = (chunks: readonly Chunk[] | undefined): void => {
    if (chunks === undefined) return;
    const bytes = new Uint8Array(sizeOfBody(chunks));
    const body = fetchChunks(session, version, chunks, new ChunkBody(bytes, chunks));
    // It is awaited below, unless the reader leaves before.
    body.catch(() => {});
    fetching.push(body);
  };
  for (const group of groups.slice(0, BODIES_AHEAD)) fetchNext(group);
  for (const [number, group] of groups.entries()) {
    const body = await fetching.shift();
    fetchNext(groups[number + BODIES_AHEAD]);
    if (body === undefined) return;
    for (const [index, chunk] of group.entries()) {
      yield { data: body.view(index), start: chunk.offset };
    }
  }
}

/** A hole, in pieces. */
function* zeros(length: number): Generator<Uint8Array, void, void> {
  for (let rest = length; rest > 0; rest -= LIMITS.chunkBytesDefault) {
    yield new Uint8Array(Math.min(rest, LIMITS.chunkBytesDefault));
  }
}
