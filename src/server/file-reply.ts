import type { OutgoingHttpHeaders } from 'node:http';
import { bytesEqual } from '../base/bytes.ts';
import type { Chunk } from '../format/manifest.ts';
import type { VolumeInfo } from '../fs/types.ts';
import {
  type ByteRange,
  formatContentRange,
  formatETag,
  parseETag,
  parseRange,
} from '../wire/headers.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import { type FileEntry, readContent, readVerifiedChunk } from './content.ts';
import type { Exchange } from './exchange.ts';
import { hasCurrent, requireMatch } from './preconditions.ts';
import { reply, writePiece } from './reply.ts';
import { PathError } from '../fs/path-error.ts';

/** A file's bytes, or the range of them that the request asks for, each chunk verified. */
export async function replyFile(
  exchange: Exchange,
  { volume, entry }: { readonly volume: VolumeInfo; readonly entry: FileEntry },
  more: OutgoingHttpHeaders = {},
): Promise<void> {
  const { request, response, services } = exchange;
  const { fs } = services;
  requireMatch(request, entry);
  const headers = {
    'Content-Type': MEDIA_TYPES.bytes,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'no-store',
    'X-Content-Type-Options': 'nosniff',
    ETag: formatETag(entry.file.content),
    ...more,
  };
  if (hasCurrent(request, entry)) return reply(exchange, { status: 304, headers });
  const part = rangeOf(exchange, entry);
  const range = part ?? { offset: 0, length: entry.size };
  const head = {
    ...headers,
    'Content-Length': range.length,
    ...(part === undefined ? {} : { 'Content-Range': formatContentRange(part, entry.size) }),
  };
  const status = part === undefined ? 200 : 206;
  if (request.method === 'HEAD') return void response.writeHead(status, head).end();
  const chunks = await fs.manifest(volume.name, entry);
  const { buffers, answerRoom } = services;
  using room = answerRoom.forPieces(exchange.caller?.principal ?? '');
  const read = (chunk: Chunk): Promise<Uint8Array> =>
    readVerifiedChunk(fs, volume, chunk, buffers.take(chunk.length));
  for await (const piece of readContent(chunks, range, read, room)) {
    // Not before the first bytes are verified: until then damage gets a proper answer.
    if (!response.headersSent) response.writeHead(status, head).flushHeaders();
    await writePiece(response, piece);
    buffers.give(piece);
  }
  if (!response.headersSent) response.writeHead(status, head);
  response.end();
}

/** Undefined for the whole file. Throws `bad_range`. */
function rangeOf({ request }: Exchange, { size, path, file }: FileEntry): ByteRange | undefined {
  const { range: fieldValue } = request.headers;
  if (fieldValue === undefined) return undefined;
  const ifRange = request.headers['if-range'];
  if (typeof ifRange === 'string') {
    const content = parseETag(ifRange);
    if (content === undefined || !bytesEqual(content, file.content)) return undefined;
  }
  const range = parseRange(fieldValue, size);
  if (range === 'whole') return undefined;
  if (range !== 'none') return range;
  throw new PathError(
    'bad_range',
    (name) => `cannot read ${name(path)}: nothing of the range lies inside its ${size} bytes`,
    { details: { contentRange: `bytes */${size}`, size } },
  );
}
