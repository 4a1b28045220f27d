import { concatBytes } from '../../base/bytes.ts';
import { formatDigest } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { contentRoot } from '../../format/content.ts';
import type { Chunk } from '../../format/manifest.ts';
import type {
  Entry,
  Missing,
  Upload,
  UploadChunking,
  WriteResult,
} from '../../wire/generated/api.ts';
import { newFileLog } from '../file-log.ts';
import { change, get, RequestError, send } from '../server.ts';
import { isOf, verifiedChunks } from '../verified.ts';
import type { HashedPiece, Hasher } from './hasher.ts';

export interface FileUpload {
  readonly file: File;
  /** `/<volume>/<path>`. */
  readonly path: string;
  /** May another file that is there be replaced? */
  readonly mayReplace: boolean;
}

export interface UploadWays {
  readonly hasher: Hasher;
  readonly signal: AbortSignal;
  /** Bytes of the file that the server has by now, and of them those that were sent. */
  readonly onProgress: (progress: { readonly done: number; readonly sent: number }) => void;
}

/** `same`: it was there already. */
export type UploadOutcome = 'done' | 'same';

const CONTENT_TYPE = {
  bytes: 'application/octet-stream',
  chunks: 'application/vnd.gdpfs.chunks',
  digests: 'application/vnd.gdpfs.digests',
  records: 'application/vnd.gdpfs.records',
};
const FRAME_HEADER_BYTES = 16;

/**
 * Brings a file to the server: only the chunks that it lacks are sent, also when the page was loaded anew in between. In the
 * end the server's content root is compared with the one computed here. Throws RequestError; `exists` if another file is there.
 */
export async function uploadFile(upload: FileUpload, ways: UploadWays): Promise<UploadOutcome> {
  const isSmall = upload.file.size <= LIMITS.chunkBytesDefault;
  return await (isSmall ? uploadWhole(upload, ways) : new ChunkUpload(upload, ways).run());
}

/** In one request, in which the server cuts it. */
async function uploadWhole(upload: FileUpload, ways: UploadWays): Promise<UploadOutcome> {
  const { file, path, mayReplace } = upload;
  const { signal, onProgress } = ways;
  const bytes = new Uint8Array(await file.arrayBuffer());
  const query = { path, parents: true, mtimeUs: file.lastModified * 1000 };
  const body = { type: CONTENT_TYPE.bytes, bytes };
  try {
    const headers: Record<string, string> = mayReplace ? {} : { 'If-None-Match': '*' };
    const call = { query, headers, body, signal };
    const { etag } = await change<WriteResult>('POST', '/api/v1/storage/files', call);
    await requireStored(bytes, { path, size: bytes.length, etag: etag ?? '' });
    onProgress({ done: file.size, sent: file.size });
    return 'done';
  } catch (error) {
    if (!(error instanceof RequestError && error.code === 'exists')) throw error;
    const entry = await get<Entry>('/api/v1/files', { query: { path }, signal });
    if (entry.kind !== 'file' || entry.size !== file.size) throw error;
    await requireStored(bytes, entry).catch(() => Promise.reject(error));
    onProgress({ done: file.size, sent: file.size });
    return 'same';
  }
}

/** That the server has these bytes under its content root. */
async function requireStored(
  bytes: Uint8Array<ArrayBuffer>,
  version: Pick<Entry, 'path' | 'size' | 'etag'>,
): Promise<void> {
  const chunks = await verifiedChunks(version);
  const end = chunks.reduce((sum, { offset, length }) => (offset === sum ? sum + length : -1), 0);
  const isEach = await Promise.all(
    chunks.map(({ offset, length, digest }) => isOf(bytes.slice(offset, offset + length), digest)),
  );
  if (end === bytes.length && isEach.every(Boolean)) return;
  throw new RequestError('corrupt', 'cannot trust the upload: the server has other bytes');
}

/** Of a file that has many chunks. */
class ChunkUpload {
  readonly #upload: FileUpload;
  readonly #ways: UploadWays;
  readonly #chunks: Chunk[] = [];
  readonly #sending = new Set<Promise<void>>();
  #failure: Error | undefined;
  #done = 0;
  #sent = 0;

  constructor(upload: FileUpload, ways: UploadWays) {
    this.#upload = upload;
    this.#ways = ways;
  }

  async run(): Promise<UploadOutcome> {
    const { file, path, mayReplace } = this.#upload;
    const { signal } = this.#ways;
    const json = { kind: 'upload', path, size: file.size };
    const opened = await change<Upload>('POST', '/api/v1/files', { json, signal });
    await this.#sendAll(opened);
    const content = formatDigest(contentRoot({ size: file.size, chunks: this.#chunks }));
    if (content === opened.etag) return 'same';
    if (opened.exists && !mayReplace) {
      throw new RequestError('exists', 'another file is there already');
    }
    await this.#commit(opened);
    const { etag } = await get<Entry>('/api/v1/files', { query: { path }, signal });
    if (etag === content) return 'done';
    throw new RequestError(
      'corrupt',
      'cannot trust the upload: the server has another content root',
    );
  }

  /** Reads on while some bodies are on their way. */
  async #sendAll(opened: Upload): Promise<void> {
    const { file } = this.#upload;
    const { hasher, signal } = this.#ways;
    for (let start = 0; start < file.size; ) {
      signal.throwIfAborted();
      const end = Math.min(file.size, start + pieceBytes(opened.chunking));
      const piece = file.slice(start, end);
      const { chunking } = opened;
      const hashed = await hasher.hash({ piece, start, isLast: end === file.size, chunking });
      this.#chunks.push(...hashed.chunks);
      await this.#begin(this.#sendPiece(opened, hashed, start));
      const last = hashed.chunks.at(-1);
      start = last === undefined ? end : last.offset + last.length;
    }
    await Promise.all(this.#sending);
    if (this.#failure !== undefined) throw this.#failure;
  }

  /** Resolves when there may be another one. */
  async #begin(sending: Promise<void>): Promise<void> {
    const noted = sending
      .catch((error: unknown) => {
        this.#failure ??= error instanceof Error ? error : new Error(String(error));
      })
      .finally(() => this.#sending.delete(noted));
    this.#sending.add(noted);
    if (this.#sending.size >= LIMITS.pageBodiesAtOnce) await Promise.race(this.#sending);
    if (this.#failure !== undefined) throw this.#failure;
  }

  async #sendPiece(opened: Upload, { bytes, chunks }: HashedPiece, start: number): Promise<void> {
    const { signal, onProgress } = this.#ways;
    const missing = await this.#missing(opened, chunks);
    const frames = missing.flatMap((chunk) => [
      frameHeader(chunk),
      bytes.subarray(chunk.offset - start, chunk.offset - start + chunk.length),
    ]);
    if (missing.length > 0) {
      const query = { upload: opened.upload };
      const body = { type: CONTENT_TYPE.chunks, bytes: concatBytes(frames) };
      // A chunk that comes twice is stored once.
      const headers = { 'Idempotency-Key': crypto.randomUUID() };
      await send('POST', '/api/v1/storage/file/chunks', { query, body, headers, signal });
    }
    const sum = (each: readonly Chunk[]): number =>
      each.reduce((all, { length }) => all + length, 0);
    this.#done += sum(chunks);
    this.#sent += sum(missing);
    onProgress({ done: this.#done, sent: this.#sent });
  }

  async #missing(opened: Upload, chunks: readonly Chunk[]): Promise<readonly Chunk[]> {
    if (opened.empty || chunks.length === 0) return chunks;
    const { signal } = this.#ways;
    const query = { upload: opened.upload };
    const body = {
      type: CONTENT_TYPE.digests,
      bytes: concatBytes(chunks.map(({ digest }) => digest)),
    };
    const answer = await send('POST', '/api/v1/file/chunks', { query, body, signal });
    const { missing } = (await answer.json()) as Missing;
    return missing.flatMap((index) => chunks[index] ?? []);
  }

  async #commit({ upload, chunking, etag }: Upload): Promise<void> {
    const { file, path } = this.#upload;
    const { size, lastModified } = file;
    // Cut by content, that is their size on average.
    const chunkSize = chunking.mode === 'fixed' ? chunking.chunkSize : LIMITS.chunkBytesDefault;
    const log = newFileLog({ size, chunks: this.#chunks }, chunkSize, Date.now());
    const { root, content } = log;
    const query = {
      path,
      upload,
      size,
      root,
      content,
      parents: true,
      mtimeUs: lastModified * 1000,
    };
    const headers: Record<string, string> =
      etag === undefined ? { 'If-None-Match': '*' } : { 'If-Match': `"${etag}"` };
    const body = { type: CONTENT_TYPE.records, bytes: log.records };
    const { signal } = this.#ways;
    await change('PATCH', '/api/v1/files', { query, headers, body, signal });
  }
}

/** Whole chunks, where they have a size. */
function pieceBytes(chunking: UploadChunking): number {
  if (chunking.mode === 'cdc') return LIMITS.bodyBytesTarget;
  const { chunkSize } = chunking;
  return Math.max(1, Math.floor(LIMITS.bodyBytesTarget / chunkSize)) * chunkSize;
}

/** int64 offset | uint32 checksum | uint32 length. */
function frameHeader({ offset, checksum, length }: Chunk): Uint8Array {
  const header = new Uint8Array(FRAME_HEADER_BYTES);
  const view = new DataView(header.buffer);
  view.setBigUint64(0, BigInt(offset));
  view.setUint32(8, checksum);
  view.setUint32(12, length);
  return header;
}
