import { bytesEqual } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { CallOptions } from './files.ts';
import type { Session } from './session.ts';
import { openSourceFile, type SourceFile } from './source-file.ts';
import type { OnProgress } from './tally.ts';
import type { TransferOptions } from './transfer-options.ts';
import { ChunkUpload } from './upload/chunk-upload.ts';
import { commitConfirmed } from './upload/confirmed-commit.ts';
import { newFileLog } from './upload/file-commit.ts';
import { openUploadJournal } from './upload/journal-folder.ts';
import type { KnownRun } from './upload/known-run.ts';
import type { UploadJournal } from './upload/upload-journal.ts';
import { type OpenedUpload, openUpload, type UploadTarget } from './uploads.ts';

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
  readonly onProgress?: OnProgress | undefined;
}

export interface UploadResult {
  /** Bytes of the file. */
  readonly size: number;
  /** Bytes of chunks that went over the wire. */
  readonly bytesSent: number;
  /** Bytes of chunks that the server had already. What lies in holes is neither sent nor reused. */
  readonly bytesReused: number;
  /** ETag: `sha256:…`. */
  readonly etag: string;
  readonly seq: number;
}

/**
 * Uploads one file chunk by chunk (DESIGN §5) with its mode and time. It appears whole or not at
 * all; when this resolves, the server has said that it holds what was read here. Throws
 * `source_changed` if the file was written to meanwhile, `changed` if what it is to replace was.
 */
export async function uploadFile(session: Session, options: UploadOptions): Promise<UploadResult> {
  await using source = await openSourceFile(options.source);
  await using upload = new FileUpload(session, source, options);
  return await upload.run();
}

interface Attempt {
  readonly upload: OpenedUpload;
  readonly known: readonly KnownRun[];
}

/** One file on its way into a volume, through one upload or, if others end that, several. */
class FileUpload implements AsyncDisposable {
  readonly #session: Session;
  readonly #source: SourceFile;
  readonly #options: UploadOptions;
  #journal: UploadJournal | undefined;
  #bytesSent = 0;
  /** Bytes of the file reported as safe. */
  #progress = 0;

  constructor(session: Session, source: SourceFile, options: UploadOptions) {
    this.#session = session;
    this.#source = source;
    this.#options = options;
  }

  async run(): Promise<UploadResult> {
    const first = await this.#open();
    this.#journal = await this.#openJournal(first);
    let attempt: Attempt = { upload: first, known: (await this.#journal?.read()) ?? [] };
    for (let round = 0; ; round += 1) {
      const chunks = this.#chunksOf(attempt);
      try {
        await chunks.send();
        return await this.#commit(attempt.upload, chunks, first.target);
      } catch (error) {
        if (round === LIMITS.uploadReopensMax) throw error;
        attempt = await this.#recover(error, attempt, chunks);
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#journal?.close();
  }

  /** What to do instead after a failed attempt. Throws `error` if there is nothing. */
  async #recover(error: unknown, attempt: Attempt, chunks: ChunkUpload): Promise<Attempt> {
    const { upload, known } = attempt;
    // Somebody else's commit of the same path has closed the upload, or it was too old.
    const isClosed = isGdpfsError(error, 'upload_not_found');
    const isKnownWrong = isGdpfsError(error, 'source_changed') && known.length > 0;
    if (!isClosed && !isKnownWrong) throw error;
    await this.#source.requireUnchanged();
    this.#bytesSent += chunks.bytesSent;
    this.#options.onProgress?.(-this.#progress);
    this.#progress = 0;
    if (isKnownWrong) {
      await this.#journal?.remove();
      return { upload, known: [] };
    }
    const reopened = await this.#open();
    if (isSameCut(reopened, upload)) {
      const later = known.filter(({ start }) => start >= chunks.known.end);
      return { upload: reopened, known: [chunks.known, ...later] };
    }
    // What the journal says is of chunks that are not wanted any more.
    await this.#journal?.remove();
    this.#journal = undefined;
    return { upload: reopened, known: [] };
  }

  async #open(): Promise<OpenedUpload> {
    const { path, signal, ifAbsent } = this.#options;
    const { size } = this.#source;
    return await openUpload(this.#session, { path, size, ifAbsent, signal });
  }

  async #openJournal({ chunking }: OpenedUpload): Promise<UploadJournal | undefined> {
    const { source: sourcePath, path, transfer = {} } = this.#options;
    const { journalDirectory, recheck } = transfer;
    const isWorthIt = this.#source.size >= LIMITS.uploadJournalFileBytesMin;
    if (journalDirectory === undefined || !isWorthIt) return undefined;
    const [, volume = ''] = path.split('/');
    const subject = {
      source: this.#source,
      sourcePath,
      chunking,
      server: this.#session.url,
      volume,
    };
    const journal = await openUploadJournal(journalDirectory, subject);
    if (recheck === true) await journal.remove();
    return journal;
  }

  #chunksOf({ upload, known }: Attempt): ChunkUpload {
    const { source: sourcePath, signal, onProgress } = this.#options;
    const report: OnProgress = (bytes, bytesSent) => {
      this.#progress += bytes;
      onProgress?.(bytes, bytesSent);
    };
    const source = this.#source;
    return new ChunkUpload(this.#session, {
      upload,
      source,
      sourcePath,
      known,
      journal: this.#journal,
      signal,
      onProgress: report,
    });
  }

  async #commit(
    upload: OpenedUpload,
    chunks: ChunkUpload,
    replaces: UploadTarget,
  ): Promise<UploadResult> {
    await this.#source.requireUnchanged();
    const { path, parents, ifAbsent, signal } = this.#options;
    const { size, mode, mtimeUs } = this.#source;
    const log = newFileLog(chunks.manifest, upload.chunking);
    const seq = await commitConfirmed(
      this.#session,
      { path, size, mode, mtimeUs, upload, log, parents, ifAbsent, replaces, signal },
      (named) => chunks.sendMissing(named),
    );
    await this.#journal?.remove();
    const bytesSent = this.#bytesSent + chunks.bytesSent;
    const bytesOfChunks = chunks.manifest.chunks.reduce((sum, { length }) => sum + length, 0);
    const bytesReused = Math.max(0, bytesOfChunks - bytesSent);
    return { size, bytesSent, bytesReused, etag: log.content, seq };
  }
}

function isSameCut({ chunking: left }: OpenedUpload, { chunking: right }: OpenedUpload): boolean {
  if (left.mode === 'fixed') return right.mode === 'fixed' && left.chunkSize === right.chunkSize;
  return right.mode === 'cdc' && bytesEqual(left.key, right.key);
}
