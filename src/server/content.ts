import { sharedBytes } from '../base/digest.ts';
import { overlapping } from '../format/content.ts';
import type { Chunk, ChunkSequence } from '../format/manifest.ts';
import type { FileSystem } from '../fs/file-system.ts';
import type { Entry, FileState, VolumeInfo } from '../fs/types.ts';
import type { ByteRange } from '../wire/headers.ts';
import { readAhead, type ReadRoom } from './read-ahead.ts';
import { PathError } from '../fs/path-error.ts';

const ZEROS = sharedBytes(256 * 1024);

/** An entry that is a file. */
export interface FileEntry extends Entry {
  readonly file: FileState;
}

/** Throws `is_a_directory` or, for a symbolic link, `not_a_file`. */
export function requireFile(entry: Entry): FileEntry {
  const { file } = entry;
  if (file !== undefined) return { ...entry, file };
  throw new PathError(
    entry.kind === 'directory' ? 'is_a_directory' : 'not_a_file',
    (name) => `cannot read ${name(entry.path)}: a ${entry.kind}, need a file`,
  );
}

/** Throws `not_a_directory`. */
export function requireDirectory(entry: Entry): Entry {
  if (entry.kind === 'directory') return entry;
  throw new PathError(
    'not_a_directory',
    (name) => `cannot use ${name(entry.path)} as a directory: it is a ${entry.kind}`,
  );
}

/** A chunk's bytes, in `target` if given, checked against its SHA-256. Throws `corrupt`. */
export async function readVerifiedChunk(
  fs: FileSystem,
  volume: VolumeInfo,
  chunk: Chunk,
  target?: Uint8Array,
): Promise<Uint8Array> {
  const place = target === undefined ? {} : { target };
  return await fs.readChunk(volume.name, chunk, { ...place, check: 'digest' });
}

/** The bytes of `range`, verified, in pieces, which count in `room`; holes as zeros. */
export async function* readContent(
  chunks: ChunkSequence,
  range: ByteRange,
  read: (chunk: Chunk) => Promise<Uint8Array>,
  room?: ReadRoom,
): AsyncGenerator<Uint8Array> {
  const end = range.offset + range.length;
  let position = range.offset;
  const found = readAhead(overlapping(chunks, range), {
    read,
    bytesOf: ({ length }) => length,
    room,
  });
  for await (const { item: chunk, data } of found) {
    if (chunk.offset > position) yield* zeros(chunk.offset - position);
    const from = Math.max(position, chunk.offset);
    position = Math.min(end, chunk.offset + chunk.length);
    yield data.subarray(from - chunk.offset, position - chunk.offset);
  }
  yield* zeros(end - position);
}

function* zeros(length: number): Generator<Uint8Array> {
  for (let left = length; left > 0; left -= ZEROS.length) {
    yield left < ZEROS.length ? ZEROS.subarray(0, left) : ZEROS;
  }
}
