import { LIMITS } from '../base/limits.ts';
import type { Chunk } from '../format/manifest.ts';
import { bodyPoolOf, ChunkBody, groupChunks } from './chunk-body.ts';
import { fetchChunks } from './chunk-data.ts';
import { concurrently } from './concurrently.ts';
import type { DownloadVersion } from './download.ts';
import type { CallOptions } from './files.ts';
import { fetchManifest } from './manifest.ts';
import type { Session } from './session.ts';
import type { OnProgress } from './tally.ts';
import { commitConfirmed } from './upload/confirmed-commit.ts';
import { newFileLog } from './upload/file-commit.ts';
import { findLost } from './upload/lost-chunks.ts';
import { Presence } from './upload/presence.ts';
import { missingDigests, type OpenedUpload, openUpload, sendChunks } from './uploads.ts';

export interface CopyFileOptions extends CallOptions {
  readonly from: { readonly session: Session; readonly version: DownloadVersion };
  /** `path`: `/<volume>/<path>` of the file to create or replace. */
  readonly to: { readonly session: Session; readonly path: string };
  /** Throw `exists` if there is something at the destination. */
  readonly ifAbsent?: boolean | undefined;
  readonly onProgress?: OnProgress | undefined;
}

export interface CopyFileResult {
  /** Bytes of the file. */
  readonly size: number;
  /** Bytes of chunks that went over the wire, out of one volume and into the other. */
  readonly bytesSent: number;
  /** Bytes of chunks that the destination had already. */
  readonly bytesReused: number;
}

/**
 * Copies one file between volumes that know nothing of each other, through this process: only the
 * chunks that the destination lacks are fetched, each is checked, and the frames go on as they came.
 * The copy has the chunks, and so the ETag, of its source, however its volume cuts other files.
 */
export async function copyFile(options: CopyFileOptions): Promise<CopyFileResult> {
  const { from, to, ifAbsent, signal } = options;
  const { version } = from;
  const { size, mode, mtimeUs } = version;
  const { path } = to;
  const manifest = await fetchManifest(from.session, { ...version, signal });
  const upload = await openUpload(to.session, { path, size, signal });
  const copy = new ChunkCopy(options, upload);
  await copy.send(manifest.chunks);
  const log = newFileLog(manifest, upload.chunking);
  await commitConfirmed(
    to.session,
    { path, size, mode, mtimeUs, upload, log, parents: true, ifAbsent, signal },
    (named) => copy.sendMissing(manifest.chunks, named),
  );
  const { bytesSent } = copy;
  const bytesOfChunks = manifest.chunks.reduce((sum, { length }) => sum + length, 0);
  return { size, bytesSent, bytesReused: Math.max(0, bytesOfChunks - bytesSent) };
}

class ChunkCopy {
  readonly #options: CopyFileOptions;
  readonly #upload: OpenedUpload;
  readonly #presence: Presence;
  bytesSent = 0;

  constructor(options: CopyFileOptions, upload: OpenedUpload) {
    this.#options = options;
    this.#upload = upload;
    this.#presence = new Presence(async (digests) =>
      upload.isVolumeEmpty ? [...digests.keys()] : await this.#askMissing(digests),
    );
  }

  async send(chunks: readonly Chunk[]): Promise<void> {
    await concurrently(groupChunks(chunks), LIMITS.transferConcurrency, async (group) => {
      const lacking = await this.#presence.lacking(group);
      const sent = await this.#pass(group.filter((_, index) => lacking.includes(index)));
      const bytes = group.reduce((sum, { length }) => sum + length, 0);
      this.#options.onProgress?.(bytes, sent);
    });
  }

  /** Sends again what turned out to be missing: the digests named, and what else is, if any. */
  async sendMissing(chunks: readonly Chunk[], named: ReadonlySet<string>): Promise<void> {
    const lost = await findLost(chunks, named, (digests) => this.#askMissing(digests));
    await concurrently(groupChunks(lost), LIMITS.transferConcurrency, async (group) => {
      await this.#pass(group);
    });
  }

  /** From one volume to the other: a group of `groupChunks`, or some of one. Bytes that went. */
  async #pass(chunks: readonly Chunk[]): Promise<number> {
    if (chunks.length === 0) return 0;
    const { from, to, signal } = this.#options;
    return await bodyPoolOf(from.session).with(async (bytes) => {
      const body = await fetchChunks(
        from.session,
        { ...from.version, signal },
        chunks,
        new ChunkBody(bytes, chunks),
      );
      const sent = await sendChunks(to.session, {
        upload: this.#upload.id,
        frames: body.bytes,
        signal,
      });
      this.bytesSent += sent.bytes;
      return sent.bytes;
    });
  }

  async #askMissing(digests: readonly Uint8Array[]): Promise<number[]> {
    const { to, signal } = this.#options;
    return await missingDigests(to.session, { upload: this.#upload.id, digests, signal });
  }
}
