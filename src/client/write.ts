import { crc32, sha256Each, sharedBytes } from '../base/digest.ts';
import { assert, GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { CHUNK_HEADER_BYTES, encodeChunkHeader } from '../format/chunk-frame.ts';
import { createCutter, type Cutter } from '../format/chunker.ts';
import type { Chunk } from '../format/manifest.ts';
import { ChunkBody, type Extent, hasRoom } from './chunk-body.ts';
import type { CallOptions } from './files.ts';
import type { Session } from './session.ts';
import { TaskGroup } from './task-group.ts';
import { commitConfirmed } from './upload/confirmed-commit.ts';
import { newFileLog } from './upload/file-commit.ts';
import { Presence } from './upload/presence.ts';
import {
  missingDigests,
  type OpenedUpload,
  openUpload,
  sendChunks,
  type UploadTarget,
} from './uploads.ts';
import { userPath } from '../format/path.ts';

export interface WriteOptions extends CallOptions {
  /** Make missing parent directories. */
  readonly parents?: boolean;
  /** Throw `exists` if there is something at the path. */
  readonly ifAbsent?: boolean;
  /** What is to be replaced, else `changed`; what is there when the writing begins if absent. */
  readonly replaces?: UploadTarget;
  /** Permission bits; 0644 if absent. */
  readonly mode?: number;
}

export interface FileWriterOptions extends WriteOptions {
  /** Bytes of the file, where they are known: then exactly as many must be written. */
  readonly size?: number;
}

export interface WriteResult {
  /** Bytes of the file. */
  readonly size: number;
  /** Bytes of chunks that the volume did not have yet. */
  readonly bytesSent: number;
  /** ETag: `sha256:…`. */
  readonly etag: string;
  readonly seq: number;
}

/**
 * One file of a volume while it is being written from memory. It appears whole when `close` resolves;
 * a writer that is disposed of before leaves what was there. Memory is a few bodies of chunks.
 */
export interface FileWriter extends AsyncDisposable {
  /** Takes the bytes, which are the caller's again when it resolves. Calls must not overlap. */
  write(bytes: Uint8Array): Promise<void>;
  /**
   * Commits what was written; compares what the volume says of it. Throws `changed` if something else
   * is at the path by now, `chunk_missing` if chunks were lost meanwhile: then write it again.
   */
  close(): Promise<WriteResult>;
}

const MODE_DEFAULT = 0o644;
const US_PER_MS = 1000;

/** `path` is `/<volume>/<path>`. Throws what the server says of the path. */
export async function openFileWriter(
  session: Session,
  path: string,
  options: FileWriterOptions = {},
): Promise<FileWriter> {
  const { size, ifAbsent, signal } = options;
  const known = size === undefined ? {} : { size };
  const upload = await openUpload(session, { path, ...known, ifAbsent, signal });
  return new ChunkWriter(session, { ...options, path, upload });
}

/** Writes a whole file from memory: it appears whole or not at all. */
export async function writeFile(
  session: Session,
  path: string,
  bytes: Uint8Array,
  options: WriteOptions = {},
): Promise<WriteResult> {
  await using writer = await openFileWriter(session, path, { ...options, size: bytes.length });
  await writer.write(bytes);
  return await writer.close();
}

interface ChunkWriterOptions extends FileWriterOptions {
  readonly path: string;
  readonly upload: OpenedUpload;
}

/** Cuts, hashes and sends what is written. */
class ChunkWriter implements FileWriter {
  readonly #session: Session;
  readonly #options: ChunkWriterOptions;
  readonly #cutter: Cutter;
  readonly #presence: Presence;
  readonly #tasks = new TaskGroup();
  readonly #start = this.#tasks.lane(LIMITS.writerBodiesInFlight);
  readonly #abandoned = new AbortController();
  readonly #signal: AbortSignal;
  /** Chunks of all bodies, in order. */
  readonly #bodies: Promise<readonly Chunk[]>[] = [];
  readonly #free: Uint8Array[] = [];
  #bytes: Uint8Array | undefined;
  /** Of the chunks in `#bytes` that are whole. */
  #extents: Extent[] = [];
  #extentBytes = 0;
  /** Where the next byte goes in `#bytes`. */
  #filled = 0;
  /** Of the chunk that is being filled. */
  #chunkStart = 0;
  #size = 0;
  #bytesSent = 0;
  #isClosed = false;

  constructor(session: Session, options: ChunkWriterOptions) {
    const { upload, signal } = options;
    this.#session = session;
    this.#options = options;
    this.#cutter = createCutter(upload.chunking);
    const ended = this.#abandoned.signal;
    this.#signal = signal === undefined ? ended : AbortSignal.any([ended, signal]);
    this.#presence = new Presence(async (digests) =>
      upload.isVolumeEmpty
        ? [...digests.keys()]
        : await missingDigests(session, { upload: upload.id, digests, signal: this.#signal }),
    );
  }

  async write(bytes: Uint8Array): Promise<void> {
    assert(!this.#isClosed, 'nothing is written behind the end');
    this.#signal.throwIfAborted();
    for (let start = 0; start < bytes.length; ) {
      const cut = this.#cutter.push(bytes, start);
      const piece = bytes.subarray(start, cut < 0 ? bytes.length : cut);
      this.#put(piece);
      start += piece.length;
      if (cut >= 0) await this.#endChunk();
    }
  }

  async close(): Promise<WriteResult> {
    assert(!this.#isClosed, 'a file ends once');
    this.#isClosed = true;
    const { path, upload, signal, mode = MODE_DEFAULT, ...options } = this.#options;
    if (this.#size > this.#chunkStart) await this.#endChunk();
    await this.#send();
    await this.#tasks.settle();
    const size = this.#size;
    if (size !== (options.size ?? size)) {
      const state = `${size} bytes were written, need the ${options.size} that were announced`;
      throw new GdpfsError('bad_request', `cannot write "${userPath(path)}": ${state}`);
    }
    const chunks = (await Promise.all(this.#bodies)).flat();
    const log = newFileLog({ size, chunks }, upload.chunking);
    const mtimeUs = Date.now() * US_PER_MS;
    const commit = { ...options, path, size, mode, mtimeUs, upload, log, signal };
    try {
      const seq = await commitConfirmed(this.#session, commit, () => Promise.reject(lost(path)));
      return { size, bytesSent: this.#bytesSent, etag: log.content, seq };
    } catch (error) {
      if (!isGdpfsError(error, 'upload_not_found')) throw error;
      const state = 'somebody else has written it since the writing began';
      throw new GdpfsError('changed', `cannot write "${userPath(path)}": ${state}`, {
        cause: error,
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#abandoned.abort();
    // What failed has been said, or is of no interest any more.
    await this.#tasks.settle().catch(() => {});
  }

  #put(piece: Uint8Array): void {
    if (this.#bytes === undefined) {
      this.#bytes = this.#free.pop() ?? sharedBytes(this.#bodyBytes);
      this.#filled = 0;
    }
    if (this.#size === this.#chunkStart) this.#filled += CHUNK_HEADER_BYTES;
    this.#bytes.set(piece, this.#filled);
    this.#filled += piece.length;
    this.#size += piece.length;
  }

  /** Room for several chunks or one of the largest size. */
  get #bodyBytes(): number {
    const { size = LIMITS.bodyBytesTarget } = this.#options;
    const bytes = Math.max(Math.min(size, LIMITS.bodyBytesTarget), this.#cutter.lengthMax);
    return bytes + LIMITS.bodyChunksMax * CHUNK_HEADER_BYTES;
  }

  async #endChunk(): Promise<void> {
    const length = this.#size - this.#chunkStart;
    this.#extents.push({ offset: this.#chunkStart, length });
    this.#extentBytes += length;
    this.#chunkStart = this.#size;
    const largest = { offset: this.#size, length: this.#cutter.lengthMax };
    if (!hasRoom(this.#extents, this.#extentBytes, largest)) await this.#send();
  }

  /** Hands the body over; resolves when another one may be begun. */
  async #send(): Promise<void> {
    const bytes = this.#bytes;
    if (bytes === undefined) return;
    const extents = this.#extents;
    this.#bytes = undefined;
    this.#extents = [];
    this.#extentBytes = 0;
    await this.#start(async () => {
      const body = new ChunkBody(bytes, extents);
      const summed = sumChunks(bytes, body, extents);
      this.#bodies.push(summed);
      await this.#sendBody(body, await summed);
      this.#free.push(bytes);
    });
  }

  async #sendBody(body: ChunkBody, chunks: readonly Chunk[]): Promise<void> {
    const lacking = await this.#presence.lacking(chunks);
    if (lacking.length === 0) return;
    const frames = body.pick(lacking);
    const call = { upload: this.#options.upload.id, frames, signal: this.#signal };
    this.#bytesSent += (await sendChunks(this.#session, call)).bytes;
  }
}

/** Sums the chunks of a body and writes their headers. */
async function sumChunks(
  bytes: Uint8Array,
  body: ChunkBody,
  extents: readonly Extent[],
): Promise<Chunk[]> {
  const views = extents.map((_, index) => body.view(index));
  const digests = await sha256Each(views);
  return extents.map((extent, index) => {
    const [view, digest] = [views[index], digests[index]];
    assert(view !== undefined && digest !== undefined, 'each chunk has a view and a digest');
    const chunk = { ...extent, checksum: crc32(view), digest };
    const headerAt = view.byteOffset - bytes.byteOffset - CHUNK_HEADER_BYTES;
    bytes.set(encodeChunkHeader(chunk), headerAt);
    return chunk;
  });
}

function lost(path: string): GdpfsError {
  const state = 'the server has lost chunks that it had, need them again';
  return new GdpfsError('chunk_missing', `cannot write "${userPath(path)}": ${state}`, {
    hint: 'write the file again',
  });
}
