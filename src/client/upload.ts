import { randomBytes } from 'node:crypto';
import { bytesEqual } from '../base/bytes.ts';
import { formatDigest, parseDigest } from '../base/digest.ts';
import { assert, GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { encodeRecords } from '../format/commit.ts';
import { contentRoot } from '../format/content.ts';
import type { Chunk } from '../format/manifest.ts';
import { leafHash, MerkleFrontier } from '../format/merkle.ts';
import { encodeFchunk, encodeFileMeta, NONCE_BYTES } from '../format/records.ts';
import type { ChangeResult, Upload } from '../wire/generated/api.ts';
import { type BodyPool, bodyPoolOf, ChunkBody, type Extent, groupChunks } from './chunk-body.ts';
import { concurrently } from './concurrently.ts';
import { type CallOptions, stat } from './files.ts';
import type { Session } from './session.ts';
import { openSourceFile, type SourceFile } from './source-file.ts';
import { sourceChanged } from './source-state.ts';
import type { TransferOptions } from './transfer-options.ts';
import { commitUpload, missingDigests, openUpload, sendChunks } from './uploads.ts';

export interface UploadOptions extends CallOptions {
  /** Local path of a regular file. */
  readonly source: string;
  /** `/<volume>/<path>` of the file to create or replace. */
  readonly path: string;
  /** Make missing parent directories. */
  readonly parents?: boolean;
  /** Throw `exists` if there is something at `path`. */
  readonly ifAbsent?: boolean;
  readonly transfer?: TransferOptions | undefined;
  /** Called with the bytes of the file that are safe with the server since the last call. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

export interface UploadResult {
  /** Bytes of the file. */
  readonly size: number;
  /** Bytes of chunks that went over the wire. */
  readonly bytesSent: number;
  /** Bytes of chunks that the server had already. */
  readonly bytesReused: number;
  /** ETag: `sha256:…`. */
  readonly etag: string;
  readonly seq: number;
}

/**
 * Uploads one file chunk by chunk (DESIGN §5) with its mode and time. It appears whole or not at
 * all; when this resolves, the server has said that it holds what was read here. Throws
 * `source_changed` if the file was written to meanwhile.
 */
export async function uploadFile(session: Session, options: UploadOptions): Promise<UploadResult> {
  await using source = await openSourceFile(options.source);
  const upload = await openUpload(session, {
    path: options.path,
    size: source.size,
    signal: options.signal,
  });
  const transfer = new ChunkUpload(session, source, upload, options);
  await transfer.sendAll();
  await source.requireUnchanged();
  const { seq, etag } = await transfer.commit();
  const { bytesSent } = transfer;
  return { size: source.size, bytesSent, bytesReused: source.size - bytesSent, etag, seq };
}

/** How often a commit may answer that chunks are missing which were just sent or said to be there. */
const MISSING_ROUNDS_MAX = 3;

/** One upload under way: reads, hashes and sends chunks, and knows the manifest in the end. */
class ChunkUpload {
  readonly #session: Session;
  readonly #source: SourceFile;
  readonly #upload: Upload;
  readonly #options: UploadOptions;
  readonly #pool: BodyPool;
  readonly #extents: readonly Extent[];
  readonly #chunks: Chunk[] = [];
  /** Digests sent or found present, so that a chunk that repeats is sent once. */
  readonly #settled = new Set<string>();
  bytesSent = 0;

  constructor(session: Session, source: SourceFile, upload: Upload, options: UploadOptions) {
    this.#session = session;
    this.#source = source;
    this.#upload = upload;
    this.#options = options;
    this.#pool = bodyPoolOf(session);
    this.#extents = divide(source.size, upload.chunkSize);
  }

  async sendAll(): Promise<void> {
    const groups = groupChunks(this.#extents);
    await concurrently(groups, LIMITS.transferConcurrency, async (extents) => {
      await this.#pool.with(async (bytes) => {
        const body = await this.#read(bytes, extents);
        const chunks = await body.seal();
        for (const chunk of chunks) this.#chunks[this.#indexOf(chunk)] = chunk;
        await this.#send(body, await this.#lacking(chunks));
      });
      this.#options.onProgress?.(extents.reduce((sum, extent) => sum + extent.length, 0));
    });
  }

  /** Sends again what the server misses, a few times, and compares what it made of it. */
  async commit(): Promise<{ seq: number; etag: string }> {
    const commit = this.#commitRequest();
    for (let round = 0; ; round += 1) {
      try {
        const { seq } = await commit();
        return { seq, etag: await this.#compare(seq) };
      } catch (error) {
        if (!isGdpfsError(error, 'chunk_missing') || round === MISSING_ROUNDS_MAX) throw error;
        await this.#sendAgain(missingOf(error));
      }
    }
  }

  async #read(bytes: Uint8Array, extents: readonly Extent[]): Promise<ChunkBody> {
    const [first] = extents;
    assert(first !== undefined, 'a group has chunks');
    const body = new ChunkBody(bytes, extents);
    await this.#source.read(body.views(), first.offset);
    return body;
  }

  /** Indexes into `chunks` of those to send: each digest once. */
  async #lacking(chunks: readonly Chunk[]): Promise<number[]> {
    const fresh: number[] = [];
    for (const [index, { digest }] of chunks.entries()) {
      const name = formatDigest(digest);
      if (this.#settled.has(name)) continue;
      this.#settled.add(name);
      fresh.push(index);
    }
    if (this.#upload.empty || fresh.length === 0) return fresh;
    const missing = await missingDigests(this.#session, {
      upload: this.#upload.upload,
      digests: fresh.map((index) => digestAt(chunks, index)),
      signal: this.#options.signal,
    });
    return missing.map((position) => {
      const index = fresh[position];
      if (index === undefined)
        throw new GdpfsError('corrupt', 'cannot use response: no such digest');
      return index;
    });
  }

  async #send(body: ChunkBody, indexes: readonly number[]): Promise<void> {
    if (indexes.length === 0) return;
    const { bytes } = await sendChunks(this.#session, {
      upload: this.#upload.upload,
      frames: body.pick(indexes),
      signal: this.#options.signal,
    });
    this.bytesSent += bytes;
  }

  async #sendAgain(digests: ReadonlySet<string>): Promise<void> {
    const lost = this.#chunks.filter((chunk) => digests.has(formatDigest(chunk.digest)));
    await concurrently(groupChunks(lost), LIMITS.transferConcurrency, async (chunks) => {
      await this.#pool.with(async (bytes) => {
        const body = new ChunkBody(bytes, chunks);
        for (const [index, { offset }] of chunks.entries()) {
          await this.#source.read([body.view(index)], offset);
        }
        const sealed = await body.seal();
        const isSame = sealed.every((chunk, index) => {
          return bytesEqual(chunk.digest, digestAt(chunks, index));
        });
        if (!isSame) throw sourceChanged(this.#options.source);
        await this.#send(body, [...chunks.keys()]);
      });
    });
  }

  /** The file log, made once: a repeated commit must be the same. */
  #commitRequest(): () => Promise<ChangeResult> {
    const { chunkSize, upload } = this.#upload;
    const nonce = randomBytes(NONCE_BYTES);
    const records = [
      encodeFileMeta({ nonce, createdMs: Date.now(), chunkSize }),
      ...this.#chunks.map(encodeFchunk),
    ];
    const frontier = new MerkleFrontier();
    for (const record of records) frontier.append(leafHash(record));
    const { size, mode, mtimeUs } = this.#source;
    const request = {
      path: this.#options.path,
      upload,
      size,
      mode,
      mtimeUs,
      root: formatDigest(frontier.root()),
      content: this.#etag(),
      parents: this.#options.parents,
    };
    const { ifAbsent, signal } = this.#options;
    const body = encodeRecords(records);
    return () => commitUpload(this.#session, { query: request, records: body, ifAbsent, signal });
  }

  /** What the volume says at the commit's own seq cannot have been changed by others since. */
  async #compare(seq: number): Promise<string> {
    const { path, signal } = this.#options;
    const etag = this.#etag();
    const entry = await stat(this.#session, path, { at: String(seq), signal });
    if (entry.etag !== etag || entry.size !== this.#source.size) {
      throw new GdpfsError(
        'corrupt',
        `cannot confirm "${path}": the server has ${entry.size} bytes of ${entry.etag}, need ${this.#source.size} of ${etag}`,
      );
    }
    return etag;
  }

  #etag(): string {
    return formatDigest(contentRoot({ size: this.#source.size, chunks: this.#chunks }));
  }

  #indexOf(extent: Extent): number {
    return extent.offset / this.#upload.chunkSize;
  }
}

/** Chunks of one size, the last one shorter. */
function divide(size: number, chunkSize: number): Extent[] {
  const extents: Extent[] = [];
  for (let offset = 0; offset < size; offset += chunkSize) {
    extents.push({ offset, length: Math.min(chunkSize, size - offset) });
  }
  return extents;
}

function digestAt(chunks: readonly Chunk[], index: number): Uint8Array {
  const chunk = chunks[index];
  assert(chunk !== undefined, 'the chunk is in the body');
  return chunk.digest;
}

/** Digests that a `chunk_missing` names. */
function missingOf(error: GdpfsError): Set<string> {
  const { missing } = error.details;
  const digests = Array.isArray(missing) ? missing.filter((text) => typeof text === 'string') : [];
  return new Set(digests.filter((text) => parseDigest(text) !== undefined));
}
