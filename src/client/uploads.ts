import { base64urlDecode, concatBytes } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type Chunking, CHUNKING_KEY_BYTES } from '../format/chunker.ts';
import type {
  ChangeResult,
  ChunksReceived,
  FilesPatchQuery,
  Missing,
  OpenUpload,
  Upload,
} from '../wire/generated/api.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import type { CallOptions } from './files.ts';
import { jsonOf, type MaybeUndefined, type Session } from './session.ts';

/** The requests that an upload is made of. */

const FILES = '/api/v1/files';
const CHUNKS = '/api/v1/file/chunks';
const DATA = '/api/v1/storage/file/chunks';

/** An upload that is open, and how the server wants the file to be cut. */
export interface OpenedUpload {
  readonly id: string;
  readonly chunking: Chunking;
  /** The volume has no chunks at all. */
  readonly isVolumeEmpty: boolean;
  /** The server computes checksums, and what is sent may be without. */
  readonly isUnsummed: boolean;
  /** What is at the path. */
  readonly target: UploadTarget;
}

/** What a commit is to replace: it may be something else by then. */
export interface UploadTarget {
  readonly exists: boolean;
  /** Files only. */
  readonly etag?: string | undefined;
}

/** Opens an upload, or finds the caller's own unfinished one. With `ifAbsent` throws `exists`. */
export async function openUpload(
  session: Session,
  options: Omit<OpenUpload, 'kind'> & CallOptions & { readonly ifAbsent?: boolean | undefined },
): Promise<OpenedUpload> {
  const { signal, ifAbsent, ...rest } = options;
  const json: OpenUpload = { kind: 'upload', ...rest };
  const request = { method: 'POST', route: FILES, json, changes: true, ifAbsent, signal } as const;
  const upload = jsonOf<Upload>(await session.request(request));
  const { upload: id, empty: isVolumeEmpty, unsummed: isUnsummed = false, exists, etag } = upload;
  const target = { exists, etag };
  return { id, chunking: chunkingOf(upload), isVolumeEmpty, isUnsummed, target };
}

/** Throws `corrupt`. */
function chunkingOf({ chunking }: Upload): Chunking {
  if (chunking.mode === 'cdc') {
    const key = base64urlDecode(chunking.key);
    if (key?.length === CHUNKING_KEY_BYTES) return { mode: 'cdc', key };
    throw new GdpfsError('corrupt', 'cannot use response: no chunking key');
  }
  const { chunkSize } = chunking;
  if (Number.isSafeInteger(chunkSize) && chunkSize >= 1 && chunkSize <= LIMITS.chunkBytesMax) {
    return { mode: 'fixed', chunkSize };
  }
  throw new GdpfsError('corrupt', `cannot use response: chunks of ${chunkSize} bytes`);
}

/**
 * Indexes of the digests whose chunks must be sent, at most `LIMITS.missingDigestsMax` at once. For an
 * upload the others stay until it ends; for a `path` in a volume they may be referred to, now.
 */
export async function missingDigests(
  session: Session,
  options: CallOptions &
    ({ readonly upload: string } | { readonly path: string }) & {
      readonly digests: readonly Uint8Array[];
    },
): Promise<number[]> {
  const { digests, signal, ...query } = options;
  const body = { type: MEDIA_TYPES.digests, bytes: concatBytes(digests) };
  const request = { method: 'POST', route: CHUNKS, query, body, signal } as const;
  return jsonOf<Missing>(await session.request(request)).missing;
}

/** Resolves when the chunks of `frames` are durable on the server. */
export async function sendChunks(
  session: Session,
  options: CallOptions & {
    readonly upload: string;
    readonly frames: Uint8Array;
    readonly unsummed?: boolean;
  },
): Promise<ChunksReceived> {
  const { upload, frames, unsummed, signal } = options;
  const body = { type: MEDIA_TYPES.chunks, bytes: frames };
  const query = { upload, unsummed };
  const request = { method: 'POST', route: DATA, query, body, signal } as const;
  return jsonOf(await session.request(request));
}

/**
 * The same of frames whose headers say nothing of checksums. Resolves with the checksums of the `count`
 * chunks, as the server has computed them.
 */
export async function sendUnsummedChunks(
  session: Session,
  options: Parameters<typeof sendChunks>[1] & { readonly count: number },
): Promise<ChunksReceived & { readonly checksums: readonly number[] }> {
  const { count, ...rest } = options;
  const { checksums, ...received } = await sendChunks(session, { ...rest, unsummed: true });
  if (checksums?.length === count) return { ...received, checksums };
  throw new GdpfsError('corrupt', 'cannot use response: not the checksums of what was sent');
}

/** Makes the file of the upload's chunks. `records` are those of its file log, framed. */
export async function commitUpload(
  session: Session,
  options: CallOptions & {
    readonly query: MaybeUndefined<FilesPatchQuery>;
    readonly records: Uint8Array;
    /** What was there when the upload began; else `changed` or `exists`. */
    readonly replaces: UploadTarget;
  },
): Promise<ChangeResult> {
  const { query, records, replaces, signal } = options;
  const body = { type: MEDIA_TYPES.records, bytes: records };
  const request = { method: 'PATCH', route: FILES, query, body, changes: true } as const;
  const condition = { ifAbsent: !replaces.exists, ifMatch: replaces.etag };
  return jsonOf(await session.request({ ...request, ...condition, signal }));
}
