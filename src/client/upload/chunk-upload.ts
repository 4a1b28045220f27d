import { bytesEqual } from '../../base/bytes.ts';
import { formatDigest } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Chunk, Manifest } from '../../format/manifest.ts';
import { bodyPoolOf, type ChunkBody, groupChunks } from '../chunk-body.ts';
import { concurrently } from '../concurrently.ts';
import type { CallOptions } from '../files.ts';
import type { Session } from '../session.ts';
import type { SourceFile } from '../source-file.ts';
import { sourceChanged } from '../source-state.ts';
import { missingDigests, type OpenedUpload, sendChunks } from '../uploads.ts';
import { extentBodies, type FileBody, fileBodies, type FileReading } from './file-bodies.ts';
import { Presence } from './presence.ts';

export interface ChunkUploadOptions extends CallOptions {
  readonly upload: OpenedUpload;
  readonly source: SourceFile;
  /** For messages. */
  readonly sourcePath: string;
  /** Called with the bytes of the file that are safe with the server since the last call. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

/** Brings the chunks of one file to the server, into one upload, and knows the manifest in the end. */
export class ChunkUpload {
  readonly #session: Session;
  readonly #options: ChunkUploadOptions;
  readonly #reading: FileReading;
  readonly #presence: Presence;
  readonly #chunks: Chunk[] = [];
  /** Bytes of chunks that went over the wire. */
  bytesSent = 0;

  constructor(session: Session, options: ChunkUploadOptions) {
    const { source, signal, upload } = options;
    this.#session = session;
    this.#options = options;
    this.#reading = { source, pool: bodyPoolOf(session), signal };
    this.#presence = new Presence(async (digests) =>
      upload.isVolumeEmpty ? [...digests.keys()] : await this.#askMissing(digests),
    );
  }

  /** Whole once `send` has resolved. */
  get manifest(): Manifest {
    return { size: this.#options.source.size, chunks: this.#chunks };
  }

  /** Reads the file and sends what the server lacks of it. */
  async send(): Promise<void> {
    await concurrently(this.#bodies(), LIMITS.transferConcurrency, async (part) => {
      using body = part.body;
      await this.#send(body.body, await this.#presence.lacking(body.chunks));
      this.#options.onProgress?.(part.bytes);
    });
  }

  /** Sends again what turned out to be missing: the digests named, and what else is, if any. */
  async sendMissing(named: ReadonlySet<string>): Promise<void> {
    const lost: Chunk[] = [];
    const seen = new Set<string>();
    for (let start = 0; start < this.#chunks.length; start += LIMITS.missingDigestsMax) {
      const page = this.#chunks.slice(start, start + LIMITS.missingDigestsMax);
      const missing = new Set(await this.#askMissing(page.map(({ digest }) => digest)));
      for (const [index, chunk] of page.entries()) {
        const name = formatDigest(chunk.digest);
        if (seen.has(name) || !(missing.has(index) || named.has(name))) continue;
        seen.add(name);
        lost.push(chunk);
      }
    }
    await this.#readAndSend(lost);
  }

  /** Reads chunks that were read before: they must be what they were then. */
  async #readAndSend(chunks: readonly Chunk[]): Promise<void> {
    const expected = new Map(chunks.map((chunk) => [chunk.offset, chunk]));
    const bodies = extentBodies(this.#reading, groupChunks(chunks));
    await concurrently(bodies, LIMITS.transferConcurrency, async (part) => {
      using body = part;
      for (const { offset, digest } of body.chunks) {
        const before = expected.get(offset);
        if (before !== undefined && bytesEqual(digest, before.digest)) continue;
        throw sourceChanged(this.#options.sourcePath);
      }
      await this.#send(body.body, [...body.chunks.keys()]);
    });
  }

  /** Bodies in the order of the file, each with the bytes of the file that it stands for. */
  async *#bodies(): AsyncGenerator<{ readonly body: FileBody; readonly bytes: number }> {
    const { chunking } = this.#options.upload;
    let start = 0;
    for await (const body of fileBodies(this.#reading, { start, chunking })) {
      this.#chunks.push(...body.chunks);
      yield { body, bytes: body.end - start };
      start = body.end;
    }
  }

  async #send(body: ChunkBody, indexes: readonly number[]): Promise<void> {
    if (indexes.length === 0) return;
    const { upload, signal } = this.#options;
    const { bytes } = await sendChunks(this.#session, {
      upload: upload.id,
      frames: body.pick(indexes),
      signal,
    });
    this.bytesSent += bytes;
  }

  async #askMissing(digests: readonly Uint8Array[]): Promise<number[]> {
    const { upload, signal } = this.#options;
    return await missingDigests(this.#session, { upload: upload.id, digests, signal });
  }
}
