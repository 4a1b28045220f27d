import { bytesEqual } from '../../base/bytes.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Chunk, Manifest } from '../../format/manifest.ts';
import { bodyPoolOf, type ChunkBody, groupChunks } from '../chunk-body.ts';
import { concurrently } from '../concurrently.ts';
import type { CallOptions } from '../files.ts';
import type { Session } from '../session.ts';
import type { SourceFile } from '../source-file.ts';
import { sourceChanged } from '../source-state.ts';
import type { OnProgress } from '../tally.ts';
import { missingDigests, type OpenedUpload, sendChunks } from '../uploads.ts';
import {
  extentBodies,
  type FileBody,
  fileBodies,
  type FileReading,
  type FileStretch,
} from './file-bodies.ts';
import type { KnownRun } from './known-run.ts';
import { findLost } from './lost-chunks.ts';
import { Presence } from './presence.ts';
import type { UploadJournal } from './upload-journal.ts';

const NS_PER_MS = 1_000_000n;

export interface ChunkUploadOptions extends CallOptions {
  readonly upload: OpenedUpload;
  readonly source: SourceFile;
  /** For messages. */
  readonly sourcePath: string;
  /** What need not be read again, ascending. */
  readonly known: readonly KnownRun[];
  /** Gets what was read and hashed. */
  readonly journal?: UploadJournal | undefined;
  readonly onProgress?: OnProgress | undefined;
}

/** Brings the chunks of one file to the server, into one upload, and knows the manifest in the end. */
export class ChunkUpload {
  readonly #session: Session;
  readonly #options: ChunkUploadOptions;
  readonly #reading: FileReading;
  readonly #presence: Presence;
  readonly #chunks: Chunk[] = [];
  /** `#chunks` are all up to here. */
  #position = 0;
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

  /** What has been read so far, or was known, without a gap. */
  get known(): KnownRun {
    return { start: 0, end: this.#position, chunks: this.#chunks };
  }

  /**
   * Sends what the server lacks of the file, and reads what it must for that. Throws
   * `source_changed` if the file ends early or is not what was known.
   */
  async send(): Promise<void> {
    const { known, source } = this.#options;
    const end = { start: source.size, end: source.size, chunks: [] };
    for (const run of [...known, end]) {
      await this.#sendStretch({ start: this.#position, end: run.start });
      await this.#sendKnown(run);
    }
  }

  /** Sends again what turned out to be missing: the digests named, and what else is, if any. */
  async sendMissing(named: ReadonlySet<string>): Promise<void> {
    const lost = await findLost(this.#chunks, named, (digests) => this.#askMissing(digests));
    await this.#readAndSend(lost);
  }

  async #sendStretch(stretch: FileStretch): Promise<void> {
    await concurrently(this.#bodies(stretch), LIMITS.transferConcurrency, async (part) => {
      using body = part.body;
      const sent = await this.#send(body.body, await this.#presence.lacking(body.chunks));
      this.#options.onProgress?.(part.bytes, sent);
    });
  }

  /** Asks for all of the chunks, and reads those that must be sent. */
  async #sendKnown(run: KnownRun): Promise<void> {
    // One by one: there may be more than a call takes as arguments.
    for (const chunk of run.chunks) this.#chunks.push(chunk);
    this.#position = run.end;
    const lacking: Chunk[] = [];
    for (let start = 0; start < run.chunks.length; start += LIMITS.missingDigestsMax) {
      const page = run.chunks.slice(start, start + LIMITS.missingDigestsMax);
      for (const index of await this.#presence.lacking(page))
        lacking.push(...page.slice(index, index + 1));
    }
    const toSend = lacking.reduce((sum, { length }) => sum + length, 0);
    this.#options.onProgress?.(run.end - run.start - toSend);
    await this.#readAndSend(lacking, this.#options.onProgress);
  }

  /** Reads chunks that were read before: they must be what they were then. */
  async #readAndSend(chunks: readonly Chunk[], onProgress?: OnProgress): Promise<void> {
    const expected = new Map(chunks.map((chunk) => [chunk.offset, chunk]));
    const bodies = extentBodies(this.#reading, groupChunks(chunks));
    await concurrently(bodies, LIMITS.transferConcurrency, async (part) => {
      using body = part;
      for (const { offset, digest } of body.chunks) {
        const before = expected.get(offset);
        expected.delete(offset);
        if (before !== undefined && bytesEqual(digest, before.digest)) continue;
        throw sourceChanged(this.#options.sourcePath);
      }
      const sent = await this.#send(body.body, [...body.chunks.keys()]);
      onProgress?.(sent, sent);
    });
    // What is a hole by now is in no body.
    if (expected.size > 0) throw sourceChanged(this.#options.sourcePath);
  }

  /** Bodies in the order of the file, each with the bytes of the file that it stands for. */
  async *#bodies(
    stretch: FileStretch,
  ): AsyncGenerator<{ readonly body: FileBody; readonly bytes: number }> {
    const { chunking } = this.#options.upload;
    for await (const body of fileBodies(this.#reading, stretch, chunking)) {
      const { chunks, end } = body;
      const start = this.#position;
      this.#chunks.push(...chunks);
      this.#position = end;
      if (this.#isSettled(body)) await this.#options.journal?.add({ start, end, chunks });
      yield { body, bytes: end - start };
    }
  }

  /** Would the file have another time by now if it had changed since the body was read? */
  #isSettled({ unreadMs }: FileBody): boolean {
    const changedMs = Number(this.#options.source.stats.ctimeNs / NS_PER_MS);
    return unreadMs > changedMs + LIMITS.timestampStepMsMax;
  }

  /** Bytes that were sent. */
  async #send(body: ChunkBody, indexes: readonly number[]): Promise<number> {
    if (indexes.length === 0) return 0;
    const { upload, signal } = this.#options;
    const { bytes } = await sendChunks(this.#session, {
      upload: upload.id,
      frames: body.pick(indexes),
      signal,
    });
    this.bytesSent += bytes;
    return bytes;
  }

  async #askMissing(digests: readonly Uint8Array[]): Promise<number[]> {
    const { upload, signal } = this.#options;
    return await missingDigests(this.#session, { upload: upload.id, digests, signal });
  }
}
