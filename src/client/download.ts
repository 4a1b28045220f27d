import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { FileDownload } from './file-download.ts';
import { type StatOptions, stat } from './files.ts';
import type { LocalAttributes } from './local-attributes.ts';
import { type FileVersion, fetchManifest } from './manifest.ts';
import type { Session } from './session.ts';
import type { OnProgress } from './tally.ts';
import type { TransferOptions } from './transfer-options.ts';
import { userPath } from '../format/path.ts';

export interface DownloadOptions extends StatOptions {
  /** `/<volume>/<path>` of a file. */
  readonly path: string;
  /** Local path of the file to create or replace. Its directory exists. */
  readonly target: string;
  /** The version to fetch, where it is known; otherwise that at `at`, or the newest. */
  readonly version?: DownloadVersion;
  readonly transfer?: TransferOptions | undefined;
  readonly onProgress?: OnProgress | undefined;
}

export type DownloadVersion = FileVersion & LocalAttributes;

export interface DownloadResult {
  /** Bytes of the file. */
  readonly size: number;
  /** Bytes of chunks that came over the wire. */
  readonly bytesReceived: number;
  /** Bytes of chunks that were here: left by an unfinished download, in the target, or given. */
  readonly bytesReused: number;
  readonly etag: string;
}

/**
 * Downloads one file chunk by chunk (DESIGN §5) with its mode and time. The target appears whole,
 * verified against the file's ETag and durable, or not at all. Throws `corrupt` for bytes that are
 * not what the volume says, after having asked for them several times.
 */
export async function downloadFile(
  session: Session,
  options: DownloadOptions,
): Promise<DownloadResult> {
  // One object: what is left of a round is found by the next.
  const { transfer = {} } = options;
  for (let round = 0; ; round += 1) {
    const version = options.version ?? (await findVersion(session, options));
    try {
      return await downloadVersion(session, { ...options, transfer }, version);
    } catch (error) {
      const isFixed = options.version !== undefined || round === LIMITS.changedRoundsMax;
      if (isFixed || !isGdpfsError(error, 'changed')) throw error;
    }
  }
}

/** Throws `is_a_directory` or `not_a_file` for what has no content. */
export async function findVersion(
  session: Session,
  { path, at, signal }: StatOptions & { readonly path: string },
): Promise<DownloadVersion> {
  const { kind, size, etag, mode, mtimeUs } = await stat(session, path, { at, signal });
  if (kind === 'file' && etag !== undefined) return { path, at, size, etag, mode, mtimeUs };
  throw new GdpfsError(
    kind === 'directory' ? 'is_a_directory' : 'not_a_file',
    `cannot read "${userPath(path)}": it is a ${kind}, need a file`,
  );
}

async function downloadVersion(
  session: Session,
  options: DownloadOptions & { readonly transfer: TransferOptions },
  found: DownloadVersion,
): Promise<DownloadResult> {
  const { target, transfer, signal, onProgress = () => {} } = options;
  const version = { ...found, signal };
  const manifest = await fetchManifest(session, version);
  await using download = new FileDownload(session, {
    version,
    manifest,
    target,
    transfer,
    onProgress,
  });
  await download.run();
  const { bytesReceived } = download;
  const bytes = manifest.chunks.reduce((sum, { length }) => sum + length, 0);
  // What others took away may have come twice.
  const bytesReused = Math.max(0, bytes - bytesReceived);
  return { size: version.size, bytesReceived, bytesReused, etag: version.etag };
}
