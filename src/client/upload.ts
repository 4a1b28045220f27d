import { parseDigest } from '../base/digest.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { type CallOptions, stat } from './files.ts';
import type { Session } from './session.ts';
import { openSourceFile, type SourceFile } from './source-file.ts';
import type { TransferOptions } from './transfer-options.ts';
import { ChunkUpload } from './upload/chunk-upload.ts';
import { type FileLog, newFileLog } from './upload/file-commit.ts';
import { commitUpload, type OpenedUpload, openUpload } from './uploads.ts';

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
  /** Bytes of chunks that the server had already. What lies in holes is neither sent nor reused. */
  readonly bytesReused: number;
  /** ETag: `sha256:…`. */
  readonly etag: string;
  readonly seq: number;
}

/** How often a commit may answer that chunks are missing which were just sent or said to be there. */
const MISSING_ROUNDS_MAX = 3;

/**
 * Uploads one file chunk by chunk (DESIGN §5) with its mode and time. It appears whole or not at
 * all; when this resolves, the server has said that it holds what was read here. Throws
 * `source_changed` if the file was written to meanwhile.
 */
export async function uploadFile(session: Session, options: UploadOptions): Promise<UploadResult> {
  await using source = await openSourceFile(options.source);
  const { size } = source;
  const { path, signal, onProgress } = options;
  const upload = await openUpload(session, { path, size, signal });
  const chunks = new ChunkUpload(session, {
    upload,
    source,
    sourcePath: options.source,
    signal,
    onProgress,
  });
  await chunks.send();
  await source.requireUnchanged();
  const log = newFileLog(chunks.manifest, upload.chunking);
  const commit = new FileCommit(session, options, { source, upload, log });
  const seq = await commit.run(chunks);
  const { bytesSent } = chunks;
  const bytesOfChunks = chunks.manifest.chunks.reduce((sum, { length }) => sum + length, 0);
  const bytesReused = Math.max(0, bytesOfChunks - bytesSent);
  return { size, bytesSent, bytesReused, etag: log.content, seq };
}

class FileCommit {
  readonly #session: Session;
  readonly #options: UploadOptions;
  readonly #parts: {
    readonly source: SourceFile;
    readonly upload: OpenedUpload;
    readonly log: FileLog;
  };

  constructor(
    session: Session,
    options: UploadOptions,
    parts: { readonly source: SourceFile; readonly upload: OpenedUpload; readonly log: FileLog },
  ) {
    this.#session = session;
    this.#options = options;
    this.#parts = parts;
  }

  /** Sends again what the server misses, a few times, and compares what it made of it. */
  async run(chunks: ChunkUpload): Promise<number> {
    for (let round = 0; ; round += 1) {
      try {
        const seq = await this.#commit();
        await this.#compare(seq);
        return seq;
      } catch (error) {
        if (!isGdpfsError(error, 'chunk_missing') || round === MISSING_ROUNDS_MAX) throw error;
        await chunks.sendMissing(missingOf(error));
      }
    }
  }

  async #commit(): Promise<number> {
    const { path, parents, ifAbsent, signal } = this.#options;
    const { source, upload, log } = this.#parts;
    const { size, mode, mtimeUs } = source;
    const { root, content, records } = log;
    const query = { path, upload: upload.id, size, mode, mtimeUs, root, content, parents };
    const { seq } = await commitUpload(this.#session, { query, records, ifAbsent, signal });
    return seq;
  }

  /** What the volume says at the commit's own seq cannot have been changed by others since. */
  async #compare(seq: number): Promise<void> {
    const { path, signal } = this.#options;
    const { source, log } = this.#parts;
    const entry = await stat(this.#session, path, { at: String(seq), signal });
    if (entry.etag === log.content && entry.size === source.size) return;
    throw new GdpfsError(
      'corrupt',
      `cannot confirm "${path}": the server has ${entry.size} bytes of ${entry.etag}, need ${source.size} of ${log.content}`,
    );
  }
}

/** Digests that a `chunk_missing` names. */
function missingOf(error: GdpfsError): Set<string> {
  const { missing } = error.details;
  const digests = Array.isArray(missing) ? missing.filter((text) => typeof text === 'string') : [];
  return new Set(digests.filter((text) => parseDigest(text) !== undefined));
}
