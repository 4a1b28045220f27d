import { formatDigest } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { contentRoot } from '../format/content.ts';
import { type Chunk, decodeManifestEntries, type Manifest } from '../format/manifest.ts';
import type { FileChunksGetQuery } from '../wire/generated/api.ts';
import { decodeCursor, HEADERS } from '../wire/headers.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import type { StatOptions } from './files.ts';
import type { ApiAnswer, MaybeUndefined, Session } from './session.ts';
import { userPath } from '../format/path.ts';

/** One version of a file, as its entry names it. */
export interface FileVersion extends StatOptions {
  /** `/<volume>/<path>`. */
  readonly path: string;
  readonly size: number;
  /** `sha256:…` of the content. */
  readonly etag: string;
}

export interface FetchedManifest extends Manifest {
  /** What to read the chunks `at`: there the path is this version for ever. */
  readonly at: string | undefined;
}

/**
 * The chunks of exactly that version, checked against its ETag. Throws `changed` if the file is
 * another by now, `corrupt` if the server's manifest is not what the ETag says.
 */
export async function fetchManifest(
  session: Session,
  version: FileVersion,
): Promise<FetchedManifest> {
  const { path, size, etag, signal } = version;
  const chunks: Chunk[] = [];
  let { at } = version;
  let cursor: string | undefined;
  do {
    const query: MaybeUndefined<FileChunksGetQuery> = { path, at, cursor };
    const answer = await session.request({
      method: 'GET',
      route: '/api/v1/file/chunks',
      query,
      accept: MEDIA_TYPES.manifest,
      ifMatch: etag,
      signal,
    });
    const last = chunks.at(-1);
    const from = last === undefined ? 0 : last.offset + last.length;
    chunks.push(...decodeManifestEntries(answer.body, { from, size }));
    cursor = nextCursor(answer, cursor);
    at ??= seqOf(answer);
  } while (cursor !== undefined);
  const manifest = { size, chunks, at };
  const actual = formatDigest(contentRoot(manifest));
  if (actual === etag) return manifest;
  throw new GdpfsError(
    'corrupt',
    `cannot trust the manifest of "${userPath(path)}": its root is ${actual}, need ${etag}`,
  );
}

function seqOf({ headers }: ApiAnswer): string | undefined {
  const value = headers[HEADERS.seq.toLowerCase()];
  return typeof value === 'string' && /^\d+$/.test(value) ? value : undefined;
}

/** Throws `corrupt` if the server would have us turn in circles. */
function nextCursor(answer: ApiAnswer, before: string | undefined): string | undefined {
  const value = answer.headers[HEADERS.cursor.toLowerCase()];
  if (typeof value !== 'string') return undefined;
  const cursor = decodeCursor(value);
  if (cursor === before || answer.body.length === 0) {
    throw new GdpfsError('corrupt', 'cannot read the manifest: it does not advance');
  }
  return cursor;
}
