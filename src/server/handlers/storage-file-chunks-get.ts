import { LIMITS } from '../../base/limits.ts';
import { CHUNK_HEADER_BYTES, encodeChunkHeader } from '../../format/chunk-frame.ts';
import { overlapping } from '../../format/content.ts';
import type { Chunk, ChunkSequence } from '../../format/manifest.ts';
import type { VolumeInfo } from '../../fs/types.ts';
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
 * GET /api/v1/storage/file/chunks: the chunks that overlap the ranges, whole, as frames. Their receiver
 * compares CRC-32 and SHA-256 and, if they do not match, asks again with `verify`.
 */
export async function storageFileChunksGet(
  exchange: Exchange<'storageFileChunksGet'>,
): Promise<void> {
  const { query, request, response, services } = exchange;
  const { at } = momentOf(query.at);
  const { volume, path } = authorizePath(exchange, query.path, { need: 'read', at });
  const entry = requireFile(services.fs.stat(volume.name, path, at));
  requireMatch(request, entry);
  const ranges = parseRanges(query.ranges, { size: entry.size, countMax: LIMITS.rangesMax });
  const manifest = await services.fs.manifest(volume.name, entry);
  const chunks = chunksOf(manifest, ranges);
  const head = {
    'Content-Type': MEDIA_TYPES.chunks,
    'Content-Length': bytesOfFrames(chunks),
    'Cache-Control': 'no-store',
    ETag: formatETag(entry.file.content),
  };
  if (request.method === 'HEAD') return void response.writeHead(200, head).end();
  const { buffers } = services;
  const frames = readFrames(services, volume, { chunks, isSuspect: query.verify === true });
  for await (const piece of frames) {
    // Not before the first chunks are there: until then a failure gets a proper answer.
    if (!response.headersSent) response.writeHead(200, head).flushHeaders();
    await writePiece(response, piece);
    buffers.give(piece);
  }
  if (!response.headersSent) response.writeHead(200, head);
  response.end();
}

/** Content of the frames that are written at once. */
const PIECE_BYTES = 2 * 1024 * 1024;

interface WantedFrames {
  readonly chunks: readonly Chunk[];
  /** Their receiver found them damaged: check their digests, and forget those that are. */
  readonly isSuspect: boolean;
}

/** The frames of the chunks, several in a buffer of the pool: chunks are read to where they leave. */
async function* readFrames(
  { fs, buffers }: Pick<Exchange['services'], 'fs' | 'buffers'>,
  volume: VolumeInfo,
  { chunks, isSuspect }: WantedFrames,
): AsyncGenerator<Uint8Array> {
  const readGroup = async (group: readonly Chunk[]): Promise<Uint8Array> => {
    const bytes = buffers.take(bytesOfFrames(group));
    let position = 0;
    await Promise.all(
      group.map(async (chunk) => {
        bytes.set(encodeChunkHeader(chunk), position);
        position += CHUNK_HEADER_BYTES + chunk.length;
        const target = bytes.subarray(position - chunk.length, position);
        await fs.readChunk(volume.name, chunk, { target, check: isSuspect ? 'digest' : 'length' });
      }),
    );
    return bytes;
  };
  for await (const { data } of readAhead(groupBySize(chunks), readGroup, bytesOfFrames)) yield data;
}

/** Neighbors of together about `PIECE_BYTES`. */
function groupBySize(chunks: readonly Chunk[]): Chunk[][] {
  const groups: Chunk[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const chunk of chunks) {
    if (bytes + chunk.length > PIECE_BYTES) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(chunk);
    bytes += chunk.length;
  }
  return groups;
}

function bytesOfFrames(chunks: readonly Chunk[]): number {
  return chunks.reduce((sum, { length }) => sum + CHUNK_HEADER_BYTES + length, 0);
}

/** The chunks that overlap the ranges; one that overlaps several is sent once. */
function chunksOf(manifest: ChunkSequence, ranges: readonly ByteRange[]): Chunk[] {
  const found = new Map<number, Chunk>();
  for (const range of ranges) {
    for (const chunk of overlapping(manifest, range)) found.set(chunk.offset, chunk);
  }
  return [...found.values()];
}
