import { LIMITS } from '../../base/limits.ts';
import { CHUNK_HEADER_BYTES, encodeChunkHeader } from '../../format/chunk-frame.ts';
import { overlapping } from '../../format/content.ts';
import type { Chunk, ChunkSequence } from '../../format/manifest.ts';
import type { VolumeInfo } from '../../fs/types.ts';
import type { ChunkRun } from '../../log/chunk-reader.ts';
import { type ByteRange, formatETag } from '../../wire/headers.ts';
import { MEDIA_TYPES } from '../../wire/media-types.ts';
import { authorizePath } from '../authorize.ts';
import { requireFile } from '../content.ts';
import { callerOf, type Exchange } from '../exchange.ts';
import { requireMatch } from '../preconditions.ts';
import { readAhead, type ReadRoom } from '../read-ahead.ts';
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
  using room = services.answerRoom.forPieces(callerOf(exchange).principal);
  const frames = readFrames(services, volume, { chunks, isSuspect: query.verify === true, room });
  for await (const piece of frames) {
    // Not before the first chunks are there: until then a failure gets a proper answer.
    if (!response.headersSent) response.writeHead(200, head).flushHeaders();
    try {
      for (const part of piece.parts) await writePiece(response, part);
    } catch (error) {
      piece.lose();
      throw error;
    }
    piece.free();
  }
  if (!response.headersSent) response.writeHead(200, head);
  response.end();
}

/** Content of the frames that are read together. */
const PIECE_BYTES = 2 * 1024 * 1024;

interface WantedFrames {
  readonly chunks: readonly Chunk[];
  /** Their receiver found them damaged: check their digests, and forget those that are. */
  readonly isSuspect: boolean;
  readonly room: ReadRoom;
}

/** Frames in memory that is the caller's until it frees or loses it; each part is written alone. */
interface Piece {
  readonly parts: readonly Uint8Array[];
  free(): void;
  /** Instead of `free`, while somebody may still read it. */
  lose(): void;
}

/** The frames of the chunks: each chunk is read to where it leaves. */
async function* readFrames(
  services: Exchange['services'],
  volume: VolumeInfo,
  { chunks, isSuspect, room }: WantedFrames,
): AsyncGenerator<Piece> {
  const { fs } = services;
  const check = isSuspect ? 'digest' : 'length';
  const read: ReadOne = async (chunk, target) =>
    fs.readChunk(volume.name, chunk, { target, check });
  const groups = groupBySize(chunks).flatMap((group): Group[] => {
    if (!group.isLarge) return [group];
    if (isSuspect) return group.chunks.map((chunk) => ({ chunks: [chunk] }));
    const runs = fs.chunkRuns(volume.name, group.chunks, PIECE_BYTES);
    return runs.map((run) => ({ chunks: run.chunks, run }));
  });
  const readGroup = async (group: Group): Promise<Piece> => {
    const place = group.run && services.readRooms.take(group.run.place.length);
    if (group.run === undefined || place === undefined) {
      return await readTogether(services, group.chunks, read);
    }
    return await readAside(services, { run: group.run, room: place });
  };
  const pieces = readAhead(groups, {
    read: readGroup,
    bytesOf: (group: Group) => bytesOfFrames(group.chunks),
    discard: (piece) => piece.free(),
    room,
  });
  for await (const { data } of pieces) yield data;
}

/** Chunks that are read together; `run` if they lie together in the store, and are large. */
interface Group {
  readonly chunks: readonly Chunk[];
  readonly run?: ChunkRun;
}

type ReadOne = (chunk: Chunk, target: Uint8Array) => Promise<Uint8Array>;

/** A run of large chunks, past the page cache; the header of each is written before it. */
async function readAside(
  { fs, readRooms }: Pick<Exchange['services'], 'fs' | 'readRooms'>,
  { run, room }: { readonly run: ChunkRun; readonly room: Uint8Array },
): Promise<Piece> {
  try {
    const found = await fs.readRun(run, room);
    const parts = found.map(({ chunk, data }) => {
      const start = data.byteOffset - room.byteOffset;
      room.set(encodeChunkHeader(chunk), start - CHUNK_HEADER_BYTES);
      return room.subarray(start - CHUNK_HEADER_BYTES, start + data.length);
    });
    return { parts, free: () => readRooms.give(room), lose: () => readRooms.lose(room) };
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
      await read(chunk, bytes.subarray(position - chunk.length, position));
    }),
  );
  return { parts: [bytes], free: () => buffers.give(bytes), lose: () => {} };
}

/** Rows of large chunks, however long, and of others, of together about `PIECE_BYTES`. */
function groupBySize(chunks: readonly Chunk[]): { isLarge: boolean; chunks: Chunk[] }[] {
  const groups: { isLarge: boolean; chunks: Chunk[]; bytes: number }[] = [];
  for (const chunk of chunks) {
    const isLarge = chunk.length >= LIMITS.directReadBytesMin;
    const last = groups.at(-1);
    const isFull = !isLarge && last !== undefined && last.bytes + chunk.length > PIECE_BYTES;
    if (last === undefined || last.isLarge !== isLarge || isFull) {
      groups.push({ isLarge, chunks: [chunk], bytes: chunk.length });
      continue;
    }
    last.chunks.push(chunk);
    last.bytes += chunk.length;
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
