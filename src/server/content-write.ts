import { copyBytes } from '../base/bytes.ts';
import { formatDigest } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { createCutter, type Cutter, recordedChunkSize } from '../format/chunker.ts';
import { contentRoot } from '../format/content.ts';
import { parentPath } from '../format/path.ts';
import { formatETag } from '../wire/headers.ts';
import { authorizePath } from './authorize.ts';
import { discardPiece } from '../wire/discard-piece.ts';
import { announcedLength, forEachPiece } from './body.ts';
import type { BufferPool } from './buffer-pool.ts';
import { commitChange, requireSigning } from './commit-change.ts';
import { changeContext, preconditionOf } from './change-context.ts';
import { ChunkSink } from './chunk-sink.ts';
import { requireDirectory } from './content.ts';
import type { Exchange } from './exchange.ts';
import { newFileLog } from './file-log.ts';
import { replyJson } from './reply.ts';
import { attributesOf } from './request-values.ts';
import { checkTarget, findEntry, successorChunking, UNKNOWN_SIZE_BYTES } from './uploads.ts';

/** POST /api/v1/storage/files with bytes: one whole file, made into chunks while it arrives. */
export async function writeFile(exchange: Exchange<'storageFilesPost'>): Promise<void> {
  const { query, request, services } = exchange;
  const target = authorizePath(exchange, query.path, { need: 'write' });
  requireSigning(exchange, target);
  const { volume, path } = target;
  const parents = query.parents ?? false;
  // Refused early if it must be; but what may be a repeated request must get its first answer.
  const mayRepeat = request.headers['idempotency-key'] !== undefined;
  const existing = mayRepeat ? findEntry(services.fs, target) : checkTarget(exchange, target);
  if (!parents && !mayRepeat) requireDirectory(services.fs.stat(volume.name, parentPath(path)));
  const size = announcedLength(request) ?? UNKNOWN_SIZE_BYTES;
  const chunking = await successorChunking(exchange, target, { existing, size });
  const sink = new ChunkSink(services, { volume });
  const splitter = new Splitter(createCutter(chunking), { sink, buffers: services.buffers });
  await forEachPiece(exchange, {
    place: () => splitter.place(),
    take: (piece) => {
      splitter.push(piece);
      return sink.room();
    },
  });
  const writtenSize = splitter.end();
  const chunks = await sink.finish();
  const content = contentRoot({ size: writtenSize, chunks });
  const chunkSize = recordedChunkSize(chunking);
  await commitChange(exchange, {
    target,
    context: changeContext(exchange, target, content),
    change: {
      kind: 'put',
      path,
      file: newFileLog({ createdMs: services.clock.now(), chunkSize, chunks }),
      parents,
      ...preconditionOf(exchange),
      ...attributesOf(query),
    },
    answer: (answered, result) => {
      const headers = { ETag: formatETag(content) };
      replyJson(answered, { status: 201, headers }, { ...result, etag: formatDigest(content) });
    },
  });
}

/** Cuts a stream of pieces into chunks. */
class Splitter {
  readonly #cutter: Cutter;
  readonly #sink: ChunkSink;
  readonly #buffers: BufferPool;
  #chunk: Uint8Array | undefined;
  #filled = 0;
  #offset = 0;
  #count = 0;

  constructor(cutter: Cutter, parts: { readonly sink: ChunkSink; readonly buffers: BufferPool }) {
    this.#cutter = cutter;
    this.#sink = parts.sink;
    this.#buffers = parts.buffers;
  }

  /** Where the next piece should lie. */
  place(): Uint8Array {
    this.#chunk ??= this.#buffers.take(this.#cutter.lengthMax);
    return this.#chunk.subarray(this.#filled);
  }

  push(piece: Uint8Array): void {
    const isPlaced = this.#chunk?.buffer === piece.buffer;
    for (let start = 0; start < piece.length; ) {
      const cut = this.#cutter.push(piece, start);
      const end = cut < 0 ? piece.length : cut;
      this.#chunk ??= this.#buffers.take(this.#cutter.lengthMax);
      copyBytes(piece.subarray(start, end), this.#chunk, this.#filled);
      this.#filled += end - start;
      start = end;
      if (cut >= 0) this.#emit(this.#chunk.subarray(0, this.#filled));
    }
    if (!isPlaced) discardPiece(piece);
  }

  /** Returns the bytes of the whole. */
  end(): number {
    if (this.#chunk !== undefined) this.#emit(this.#chunk.subarray(0, this.#filled));
    return this.#offset;
  }

  #emit(data: Uint8Array): void {
    this.#count += 1;
    if (this.#count >= LIMITS.fileRecordsMax) {
      throw new GdpfsError(
        'body_too_large',
        `cannot store the file: more than ${LIMITS.fileRecordsMax} chunks of at most ${this.#cutter.lengthMax} bytes`,
      );
    }
    this.#sink.put({ offset: this.#offset, data });
    this.#offset += data.length;
    this.#chunk = undefined;
    this.#filled = 0;
  }
}
