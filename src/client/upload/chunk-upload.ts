import { bytesEqual } from '../../base/bytes.ts';
import { crc32 } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import type { Chunk, Manifest } from '../../format/manifest.ts';
import { bodyPoolOf, groupChunks } from '../chunk-body.ts';
import { concurrently } from '../concurrently.ts';
import type { CallOptions } from '../files.ts';
import type { Session } from '../session.ts';
import type { SourceFile } from '../source-file.ts';
import { sourceChanged } from '../source-state.ts';
import type { OnProgress } from '../tally.ts';
import { missingDigests, type OpenedUpload, sendChunks, sendUnsummedChunks } from '../uploads.ts';
import {
  extentBodies,
  type FileBody,
  fileBodies,
  type FileReading,
  type FileStretch,
} from './file-bodies.ts';
import { FoundChunks } from './found-chunks.ts';
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

interface FoundBody {
  readonly body: FileBody;
  /** Where in the file the part begins that it stands for. */
  readonly start: number;
  /** Index of its first chunk. */
  readonly first: number;
}

/** What went over the wire. */
interface Sent {
  readonly bytes: number;
  /** Of the chunks, if they were sent without. */
  readonly checksums: readonly number[];
}

/** Brings the chunks of one file to the server, into one upload, and knows the manifest in the end. */
export class ChunkUpload {
  readonly #session: Session;
  readonly #options: ChunkUploadOptions;
  readonly #reading: FileReading;
  readonly #presence: Presence;
  readonly #found = new FoundChunks();
  /**
   * Is the next body read without checksums? Not where the volume has much of the file: those of what
   * is not sent must be computed here, and that is better done while it is read.
   */
  #isUnsummed: boolean;
  /** Bodies of which is known what must be sent. */
  #sending = 0;
  /** Bytes of chunks that went over the wire. */
  bytesSent = 0;

  constructor(session: Session, options: ChunkUploadOptions) {
    const { source, signal, upload } = options;
    this.#session = session;
    this.#options = options;
    this.#isUnsummed = upload.isUnsummed;
    this.#reading = {
      source,
      pool: bodyPoolOf(session),
      signal,
      isUnsummed: () => this.#isUnsummed,
    };
    this.#presence = new Presence(
      async (digests) =>
        upload.isVolumeEmpty ? [...digests.keys()] : await this.#askMissing(digests),
      () => this.#sending >= LIMITS.bodiesKnownMissing,
    );
  }

  /** Whole once `send` has resolved. */
  get manifest(): Manifest {
    return { size: this.#options.source.size, chunks: this.#found.all };
  }

  /** What has been read so far, or was known, without a gap. */
  get known(): KnownRun {
    return this.#found.known;
  }

  /**
   * Sends what the server lacks of the file, and reads what it must for that. Throws
   * `source_changed` if the file ends early or is not what was known.
   */
  async send(): Promise<void> {
    const { known, source } = this.#options;
    const end = { start: source.size, end: source.size, chunks: [] };
    for (const run of [...known, end]) {
      await this.#sendStretch({ start: this.#found.end, end: run.start });
      await this.#sendKnown(run);
    }
  }

  /** Sends again what turned out to be missing: the digests named, and what else is, if any. */
  async sendMissing(named: ReadonlySet<string>): Promise<void> {
    const lost = await findLost(this.#found.all, named, (digests) => this.#askMissing(digests));
    await this.#readAndSend(lost);
  }

  async #sendStretch(stretch: FileStretch): Promise<void> {
    await concurrently(this.#bodies(stretch), LIMITS.transferConcurrency, async (part) => {
      using body = part.body;
      const lacking = await this.#presence.lacking(body.chunks);
      this.#isUnsummed = this.#options.upload.isUnsummed && lacking.length === body.chunks.length;
      const checksums = body.isUnsummed ? sumPresent(body, lacking) : [];
      const sent = await this.#send(body, lacking);
      for (const [at, index] of lacking.entries()) checksums[index] = sent.checksums[at] ?? 0;
      const { start, first } = part;
      const chunks = body.isUnsummed ? this.#found.sum(first, checksums) : body.chunks;
      const { end } = body;
      if (this.#isSettled(body)) await this.#options.journal?.add({ start, end, chunks });
      this.#options.onProgress?.(end - start, sent.bytes);
    });
  }

  /** Asks for all of the chunks, and reads those that must be sent. */
  async #sendKnown(run: KnownRun): Promise<void> {
    this.#found.add(run.chunks, run.end, false);
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
      const { bytes } = await this.#send(body, [...body.chunks.keys()]);
      onProgress?.(bytes, bytes);
    });
    // What is a hole by now is in no body.
    if (expected.size > 0) throw sourceChanged(this.#options.sourcePath);
  }

  /** Bodies in the order of the file. */
  async *#bodies(stretch: FileStretch): AsyncGenerator<FoundBody> {
    const { chunking } = this.#options.upload;
    for await (const body of fileBodies(this.#reading, stretch, chunking)) {
      const start = this.#found.end;
      const first = this.#found.add(body.chunks, body.end, body.isUnsummed);
      yield { body, start, first };
    }
  }

  /** Would the file have another time by now if it had changed since the body was read? */
  #isSettled({ unreadMs }: FileBody): boolean {
    const changedMs = Number(this.#options.source.stats.ctimeNs / NS_PER_MS);
    return unreadMs > changedMs + LIMITS.timestampStepMsMax;
  }

  async #send({ body, isUnsummed }: FileBody, indexes: readonly number[]): Promise<Sent> {
    if (indexes.length === 0) return { bytes: 0, checksums: [] };
    const { upload, signal } = this.#options;
    const call = { upload: upload.id, frames: body.pick(indexes), signal };
    this.#sending += 1;
    try {
      const { bytes, checksums = [] } = isUnsummed
        ? await sendUnsummedChunks(this.#session, { ...call, count: indexes.length })
        : await sendChunks(this.#session, call);
      this.bytesSent += bytes;
      return { bytes, checksums };
    } finally {
      this.#sending -= 1;
      this.#presence.askOn();
    }
  }

  async #askMissing(digests: readonly Uint8Array[]): Promise<number[]> {
    const { upload, signal } = this.#options;
    return await missingDigests(this.#session, { upload: upload.id, digests, signal });
  }
}

/** The checksums of the chunks of `body` that are not sent; 0 for those at `lacking`, ascending. */
function sumPresent({ body, chunks }: FileBody, lacking: readonly number[]): number[] {
  const isSent = new Set(lacking);
  return chunks.map((_, index) => (isSent.has(index) ? 0 : crc32(body.view(index))));
}
