import { LIMITS } from '../../base/limits.ts';
import { CHUNK_HEADER_BYTES, encodeChunkHeader } from '../../format/chunk-frame.ts';
import { overlapping } from '../../format/content.ts';
import type { Chunk, ChunkSequence } from '../../format/manifest.ts';
import { type ByteRange, formatETag } from '../../wire/headers.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { authorizePath } from '../authorize.ts';
import { requireFile } from '../content.ts';
import type { Exchange } from '../exchange.ts';
import { requireMatch } from '../preconditions.ts';
import { readAhead } from '../read-ahead.ts';
import { writePiece } from '../reply.ts';
import { momentOf, parseRanges } from '../request-values.ts';

/**
 * GET /api/v1/storage/file/chunks: the chunks that overlap the ranges, whole, as frames. The store
 * checks the CRC-32, the client the SHA-256.
 */
export async function storageFileChunksGet(
  exchange: Exchange<'storageFileChunksGet'>,
): Promise<void> {
  const { query, request, response, services } = exchange;
  const { volume, path } = authorizePath(exchange, query.path);
  const entry = requireFile(services.fs.stat(volume.name, path, momentOf(query.at).at));
  requireMatch(request, entry);
  const ranges = parseRanges(query.ranges, { size: entry.size, countMax: LIMITS.rangesMax });
  const manifest = await services.fs.manifest(volume.name, entry);
  const chunks = chunksOf(manifest, ranges);
  const head = {
    'Content-Type': MEDIA_TYPES.chunks,
    'Content-Length': chunks.reduce((sum, { length }) => sum + CHUNK_HEADER_BYTES + length, 0),
    'Cache-Control': 'no-store',
    ETag: formatETag(entry.file.content),
  };
  if (request.method === 'HEAD') return void response.writeHead(200, head).end();
  const { fs, buffers } = services;
  const read = (chunk: Chunk): Promise<Uint8Array> =>
    fs.readChunk(volume.name, chunk, buffers.take(chunk.length));
  for await (const { chunk, data } of readAhead(chunks, read)) {
    // Not before the first chunk is there: until then a failure gets a proper answer.
    if (!response.headersSent) response.writeHead(200, head);
    response.write(encodeChunkHeader(chunk));
    await writePiece(response, data, () => buffers.give(data));
  }
  if (!response.headersSent) response.writeHead(200, head);
  response.end();
}

/** The chunks that overlap the ranges; one that overlaps several is sent once. */
function chunksOf(manifest: ChunkSequence, ranges: readonly ByteRange[]): Chunk[] {
  const found = new Map<number, Chunk>();
  for (const range of ranges) {
    for (const chunk of overlapping(manifest, range)) found.set(chunk.offset, chunk);
  }
  return [...found.values()];
}
