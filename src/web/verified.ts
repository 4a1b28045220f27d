import { concatBytes } from '../base/bytes.ts';
import { formatDigest, parseDigest } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { contentRoot } from '../format/content.ts';
import type { Chunk } from '../format/manifest.ts';
import type { ChunkPage, Entry } from '../wire/generated/api.ts';
import { get, RequestError, send } from './server.ts';

/** Bytes of a file that are what its content root says. */
export interface VerifiedBytes {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Of the chunks that the file has. */
  readonly chunks: { readonly checked: number; readonly all: number };
}

type Version = Pick<Entry, 'path' | 'size' | 'etag'>;

/**
 * The chunks of a file as the server lists them, if they add up to its content root. Throws RequestError: `corrupt` if they do
 * not, `body_too_large` if they are too many to hold.
 */
export async function verifiedChunks(
  { path, size, etag = '' }: Version,
  at?: string,
): Promise<readonly Chunk[]> {
  const chunks: Chunk[] = [];
  let cursor: string | undefined;
  do {
    const query = { path, at, cursor };
    const headers = { 'If-Match': `"${etag}"` };
    const page = await get<ChunkPage>('/api/v1/file/chunks', { query, headers });
    for (const { offset, length, checksum, digest } of page.chunks) {
      chunks.push({ offset, length, checksum, digest: parseDigest(digest) ?? new Uint8Array() });
    }
    ({ cursor } = page);
    if (chunks.length > LIMITS.pageChunksMax) {
      throw new RequestError(
        'body_too_large',
        'cannot check the file here: it has too many chunks',
      );
    }
  } while (cursor !== undefined);
  if (formatDigest(contentRoot({ size, chunks })) === etag) return chunks;
  throw new RequestError(
    'corrupt',
    'cannot use the file: its chunks are not those of its content root',
  );
}

/**
 * The first bytes of a file, at most so many, each chunk compared with its digest and all digests with the content root. Throws
 * RequestError.
 */
export async function readVerified(
  entry: Version,
  bytesMax: number,
  at?: string,
): Promise<VerifiedBytes> {
  const chunks = await verifiedChunks(entry, at);
  const wanted = chunks.filter(({ offset }) => offset < bytesMax);
  const last = wanted.at(-1);
  const length = Math.min(entry.size, bytesMax);
  const end = last === undefined ? 0 : last.offset + last.length;
  const received = end === 0 ? new Uint8Array() : await fetchBytes(entry, end, at);
  for (const { offset, length: bytes, digest } of wanted) {
    const piece = received.subarray(offset, offset + bytes);
    if (await isOf(piece, digest)) continue;
    throw new RequestError('corrupt', `cannot use the file: the bytes at ${offset} are others`);
  }
  // Between chunks are zeros, and behind the last one, if the file is longer.
  const bytes = concatBytes([received, new Uint8Array(Math.max(0, length - end))]);
  return { bytes: bytes.slice(0, length), chunks: { checked: wanted.length, all: chunks.length } };
}

async function fetchBytes(
  { path, etag }: Version,
  end: number,
  at: string | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const headers = { 'If-Match': `"${etag}"`, Range: `bytes=0-${end - 1}` };
  const response = await send('GET', '/api/v1/storage/files', { query: { path, at }, headers });
  return new Uint8Array(await response.arrayBuffer());
}

export async function isOf(bytes: Uint8Array<ArrayBuffer>, digest: Uint8Array): Promise<boolean> {
  const found = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return found.length === digest.length && found.every((byte, index) => byte === digest[index]);
}
