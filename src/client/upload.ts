import type { CallOptions } from './files.ts';
import type { Session } from './session.ts';
import { openSourceFile } from './source-file.ts';
import type { TransferOptions } from './transfer-options.ts';
import { ChunkUpload } from './upload/chunk-upload.ts';
import { commitConfirmed } from './upload/confirmed-commit.ts';
import { newFileLog } from './upload/file-commit.ts';
import { openUpload } from './uploads.ts';

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
  const { mode, mtimeUs } = source;
  const { parents, ifAbsent } = options;
  const seq = await commitConfirmed(
    session,
    { path, size, mode, mtimeUs, upload, log, parents, ifAbsent, signal },
    (named) => chunks.sendMissing(named),
  );
  const { bytesSent } = chunks;
  const bytesOfChunks = chunks.manifest.chunks.reduce((sum, { length }) => sum + length, 0);
  const bytesReused = Math.max(0, bytesOfChunks - bytesSent);
  return { size, bytesSent, bytesReused, etag: log.content, seq };
}
