import { concatBytes, EMPTY_BYTES } from '../../base/bytes.ts';
import { formatDigest, parseDigest } from '../../base/digest.ts';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { type ChunkSequence, encodeManifestEntries } from '../../format/manifest.ts';
import type { Entry, VolumeInfo } from '../../fs/types.ts';
import { encodeCursor, formatETag, HEADERS } from '../../wire/headers.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { authorizePath, authorizeUpload } from '../authorize.ts';
import { requireFile } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import { chunkJson } from '../json-forms.ts';
import { requireMatch } from '../preconditions.ts';
import { reply, replyJson } from '../reply.ts';
import { momentOf } from '../request-values.ts';

/** GET /api/v1/file/chunks: the chunks of a file, or the digests that an upload has. */
export async function fileChunksGet(exchange: Exchange<'fileChunksGet'>): Promise<void> {
  const { path, upload, at } = exchange.query;
  if (path !== undefined && upload === undefined) return await replyChunks(exchange, path);
  if (upload !== undefined && path === undefined && at === undefined) {
    return await replyArrived(exchange, upload);
  }
  throw new GdpfsError('bad_request', 'cannot read query: need either "path" or "upload"');
}

async function replyChunks(exchange: Exchange<'fileChunksGet'>, apiPath: string): Promise<void> {
  const { query, request, services } = exchange;
  const { at } = momentOf(query.at);
  const { volume, path } = authorizePath(exchange, apiPath, { need: 'read', at });
  const entry = requireFile(services.fs.stat(volume.name, path, at));
  requireMatch(request, entry);
  const chunks = await services.fs.manifest(volume.name, entry);
  const start = query.cursor === undefined ? 0 : parseCursor(query.cursor);
  const end = start + (query.limit ?? LIMITS.manifestPageMax);
  const page = chunks.slice(start, end);
  const cursor = end < chunks.length ? String(end) : undefined;
  const headers = {
    ETag: formatETag(entry.file.content),
    [HEADERS.size]: entry.size,
    [HEADERS.seq]: services.fs.seqAt(volume.name, momentOf(query.at).at),
    ...(cursor === undefined ? {} : { [HEADERS.cursor]: encodeCursor(cursor) }),
    Vary: 'Accept',
  };
  if (request.headers.accept?.includes(MEDIA_TYPES.manifest)) {
    const data = await readInline(exchange, { volume, entry, chunks });
    const type = { 'Content-Type': MEDIA_TYPES.manifest, [HEADERS.inline]: data.length };
    const entries = encodeManifestEntries(page);
    return reply(
      exchange,
      { status: 200, headers: { ...headers, ...type } },
      concatBytes([entries, data]),
    );
  }
  replyJson(
    exchange,
    { status: 200, headers },
    {
      size: entry.size,
      etag: formatDigest(entry.file.content),
      chunks: page.map(chunkJson),
      ...(cursor === undefined ? {} : { cursor }),
    },
  );
}

interface FoundFile {
  readonly volume: VolumeInfo;
  readonly entry: Entry;
  readonly chunks: ChunkSequence;
}

/**
 * The bytes of a file that is one chunk, if it is small enough; they are not checked, as their receiver does that. A
 * chunk that cannot be read is the trouble of who asks for it alone.
 */
async function readInline(
  { query, request, services }: Exchange<'fileChunksGet'>,
  { volume, entry, chunks }: FoundFile,
): Promise<Uint8Array> {
  const bytesMax = Math.min(
    Number(request.headers[HEADERS.inline.toLowerCase()] ?? 0),
    LIMITS.smallFileBytesMax,
  );
  const chunk = query.cursor === undefined ? chunks.at(0) : undefined;
  if (chunk?.length !== entry.size || entry.size > bytesMax) return EMPTY_BYTES;
  try {
    return await services.fs.readChunk(volume.name, chunk, { check: 'length' });
  } catch (error) {
    if (error instanceof GdpfsError && error.code === 'corrupt') return EMPTY_BYTES;
    throw error;
  }
}

/** Index of the page's first chunk. */
function parseCursor(cursor: string): number {
  if (/^[0-9]{1,15}$/.test(cursor)) return Number(cursor);
  throw new GdpfsError('bad_request', 'cannot use cursor: not from a page of chunks');
}

async function replyArrived(exchange: Exchange<'fileChunksGet'>, id: string): Promise<void> {
  const { query, services } = exchange;
  const { upload } = authorizeUpload(exchange, id);
  const after = query.cursor === undefined ? undefined : parseDigest(query.cursor);
  if (query.cursor !== undefined && after === undefined) {
    throw new GdpfsError('bad_request', 'cannot use cursor: not from a page of digests');
  }
  const limit = query.limit ?? LIMITS.manifestPageMax;
  const options = after === undefined ? { limit } : { limit, after };
  const digests = (await services.fs.arrived(upload, options)).map(formatDigest);
  const cursor = digests.length < limit ? undefined : digests.at(-1);
  replyJson(exchange, { status: 200 }, { digests, ...(cursor === undefined ? {} : { cursor }) });
}
