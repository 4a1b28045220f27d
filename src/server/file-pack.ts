import { concatBytes } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import type { Chunk } from '../format/manifest.ts';
import type { Entry } from '../fs/types.ts';
import { encodePackHead } from '../wire/file-pack.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import type { Target } from './authorize.ts';
import type { Exchange } from './exchange.ts';
import { LONG_BODY_BYTES, writePiece } from './reply.ts';
import { relativePath } from './tar-read.ts';

/** An answer that is ready to be sent. */
export interface Pack {
  readonly head: Uint8Array;
  readonly pieces: readonly Uint8Array[];
}

/**
 * The content of `files`, in memory of the pool. `paths` is what was asked for: the files are some of
 * these, in their order.
 */
export async function loadPack(
  { services: { fs, buffers } }: Pick<Exchange, 'services'>,
  target: Target,
  asked: { readonly files: readonly Entry[]; readonly paths: readonly string[] },
): Promise<Pack> {
  const { name } = target.volume;
  const indexes = indexesOf(target, asked);
  const found: { index: number; size: number; chunks: readonly Chunk[] }[] = [];
  for (const [which, manifest] of (await fs.manifests(name, asked.files)).entries()) {
    const { size = 0 } = asked.files[which] ?? {};
    if (manifest.length > LIMITS.packedFilePiecesMax) continue;
    found.push({ index: indexes[which] ?? 0, size, chunks: manifest.slice() });
  }
  const chunks = found.flatMap((file) => file.chunks);
  const { pieces, places } = await fs.readSpans(name, chunks, (length) => buffers.take(length));
  let next = 0;
  const files = found.map(({ index, size, chunks: own }) => {
    const start = next;
    next += own.length;
    return { index, size, pieces: own, places: places.slice(start, next) };
  });
  return { head: encodePackHead(files), pieces };
}

/** Sends it; resolves when its memory is free again. */
export async function replyPack(
  { response, services: { buffers } }: Pick<Exchange, 'response' | 'services'>,
  { head, pieces }: Pack,
): Promise<void> {
  const length = pieces.reduce((sum, piece) => sum + piece.length, head.length);
  response.writeHead(200, {
    'Cache-Control': 'no-store',
    'Content-Type': MEDIA_TYPES.files,
    'Content-Length': length,
    Vary: 'Accept',
  });
  response.flushHeaders();
  for (const piece of joinShort([head, ...pieces])) await writePiece(response, piece);
  // Only now: after a failure a write may still be under way.
  for (const piece of pieces) buffers.give(piece);
  response.end();
}

function indexesOf(
  target: Target,
  { files, paths }: { readonly files: readonly Entry[]; readonly paths: readonly string[] },
): number[] {
  let index = -1;
  return files.map((file) => {
    index = paths.indexOf(relativePath(target, file), index + 1);
    return index;
  });
}

/** The same bytes; what is short is copied together, since each write costs as much as many bytes. */
function* joinShort(pieces: readonly Uint8Array[]): Generator<Uint8Array, void, void> {
  let short: Uint8Array[] = [];
  let length = 0;
  for (const piece of pieces) {
    if (piece.length < LONG_BODY_BYTES) {
      short.push(piece);
      length += piece.length;
    }
    if (short.length > 0 && (piece.length >= LONG_BODY_BYTES || length >= LONG_BODY_BYTES)) {
      yield concatBytes(short);
      short = [];
      length = 0;
    }
    if (piece.length >= LONG_BODY_BYTES) yield piece;
  }
  if (short.length > 0) yield concatBytes(short);
}
