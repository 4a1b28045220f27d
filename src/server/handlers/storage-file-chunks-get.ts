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
  const frames = readFrames(services, volume, { chunks, isSuspect: query.verify === true });
  for await (const piece of frames) {
    // Not before the first chunks are there: until then a failure gets a proper answer.
    if (!response.headersSent) response.writeHead(200, head).flushHeaders();
    try {
      await writePiece(response, piece.bytes);
    } catch (error) {
      piece.lose();
      throw error;
    }
    piece.free();
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

/** Frames as they lie one behind the other in memory that is the caller's until it frees or loses it. */
interface Piece {
  readonly bytes: Uint8Array;
  free(): void;
  /** Instead of `free`, while somebody may still read it. */
  lose(): void;
}

/** The frames of the chunks: each chunk is read to where it leaves. */
async function* readFrames(
  services: Exchange['services'],
  volume: VolumeInfo,
  { chunks, isSuspect }: WantedFrames,
): AsyncGenerator<Piece> {
  const { fs, readRooms } = services;
  const read: ReadOne = async (chunk, place) =>
    fs.readChunk(volume.name, chunk, { ...place, check: isSuspect ? 'digest' : 'length' });
  const readGroup = async (group: readonly Chunk[]): Promise<Piece> => {
    const [chunk] = group;
    const room =
      group.length === 1 && chunk !== undefined ? readRooms.take(chunk.length) : undefined;
    if (chunk === undefined || room === undefined) return await readTogether(services, group, read);
    return await readAside(services, { chunk, room }, read);
  };
  const pieces = readAhead(groupBySize(chunks), readGroup, bytesOfFrames, (piece) => piece.free());
  for await (const { data } of pieces) yield data;
}

type ReadOne = (
  chunk: Chunk,
  place: { readonly target: Uint8Array } | { readonly room: Uint8Array },
) => Promise<Uint8Array>;

/** One chunk, past the page cache; its header is written before it. */
async function readAside(
  { readRooms }: Pick<Exchange['services'], 'readRooms'>,
  { chunk, room }: { readonly chunk: Chunk; readonly room: Uint8Array },
  read: ReadOne,
): Promise<Piece> {
  try {
    const data = await read(chunk, { room });
    const start = data.byteOffset - room.byteOffset - CHUNK_HEADER_BYTES;
    const bytes = room.subarray(start, start + CHUNK_HEADER_BYTES + chunk.length);
    bytes.set(encodeChunkHeader(chunk));
    return { bytes, free: () => readRooms.give(room), lose: () => readRooms.lose(room) };
  } catch (error) {
    readRooms.give(room);
    throw error;
  }
}

/** Chunks in one buffer of the pool. */
async function readTogether(
  { buffers }: Pick<Exchange['services'], 'buffers'>,
  group: readonly Chunk[],
  read: ReadOne,
): Promise<Piece> {
  const bytes = buffers.take(bytesOfFrames(group));
  let position = 0;
  await Promise.all(
    group.map(async (chunk) => {
      bytes.set(encodeChunkHeader(chunk), position);
      position += CHUNK_HEADER_BYTES + chunk.length;
      await read(chunk, { target: bytes.subarray(position - chunk.length, position) });
    }),
  );
  return { bytes, free: () => buffers.give(bytes), lose: () => {} };
}

/** Large chunks alone, neighbors of the others of together about `PIECE_BYTES`. */
function groupBySize(chunks: readonly Chunk[]): Chunk[][] {
  const groups: Chunk[][] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const chunk of chunks) {
    const isAlone = chunk.length >= LIMITS.directReadBytesMin;
    if (isAlone || bytes + chunk.length > PIECE_BYTES) {
      groups.push([]);
      bytes = 0;
    }
    groups.at(-1)?.push(chunk);
    bytes = isAlone ? Number.POSITIVE_INFINITY : bytes + chunk.length;
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
