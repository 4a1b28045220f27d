import { assert, GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Chunk } from '../format/manifest.ts';
import { type BodyPool, bodyPoolOf, type ChunkBody, groupChunks } from './chunk-body.ts';
import { fetchChunks } from './chunk-data.ts';
import { concurrently } from './concurrently.ts';
import { type StatOptions, stat } from './files.ts';
import type { LocalAttributes } from './local-attributes.ts';
import { type FileVersion, fetchManifest } from './manifest.ts';
import { openPartFile, type PartFile } from './part-file.ts';
import type { Session } from './session.ts';
import type { TransferOptions } from './transfer-options.ts';

export interface DownloadOptions extends StatOptions {
  /** `/<volume>/<path>` of a file. */
  readonly path: string;
  /** Local path of the file to create or replace. Its directory exists. */
  readonly target: string;
  /** The version to fetch, where it is known; otherwise that at `at`, or the newest. */
  readonly version?: DownloadVersion;
  readonly transfer?: TransferOptions | undefined;
  /** Called with the bytes of the file that are written or found good since the last call. */
  readonly onProgress?: ((bytes: number) => void) | undefined;
}

export type DownloadVersion = FileVersion & LocalAttributes;

export interface DownloadResult {
  /** Bytes of the file. */
  readonly size: number;
  /** Bytes of chunks that came over the wire. */
  readonly bytesReceived: number;
  /** Bytes of chunks that an earlier, unfinished download had left here. */
  readonly bytesReused: number;
  readonly etag: string;
}

/** How often a file may be replaced while it is fetched. */
const CHANGED_ROUNDS_MAX = 3;

/**
 * Downloads one file chunk by chunk (DESIGN §5) with its mode and time. The target appears whole,
 * verified against the file's ETag and durable, or not at all. Throws `corrupt` for bytes that are
 * not what the volume says, after having asked for them several times.
 */
export async function downloadFile(
  session: Session,
  options: DownloadOptions,
): Promise<DownloadResult> {
  for (let round = 0; ; round += 1) {
    const version = options.version ?? (await findVersion(session, options));
    try {
      return await downloadVersion(session, options, version);
    } catch (error) {
      const isFixed = options.version !== undefined || round === CHANGED_ROUNDS_MAX;
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
    `cannot read "${path}": it is a ${kind}, need a file`,
  );
}

async function downloadVersion(
  session: Session,
  options: DownloadOptions,
  version: DownloadVersion,
): Promise<DownloadResult> {
  const { signal } = options;
  const manifest = await fetchManifest(session, { ...version, signal });
  await using part = await openPartFile(options.target, manifest);
  const download = new ChunkDownload(session, { ...version, signal }, part, options);
  const wanted = part.isResumed ? await download.findLacking(manifest.chunks) : manifest.chunks;
  await download.fetch(wanted);
  await part.finish(version);
  const bytesReceived = wanted.reduce((sum, { length }) => sum + length, 0);
  const bytesReused = manifest.chunks.reduce((sum, { length }) => sum + length, -bytesReceived);
  return { size: version.size, bytesReceived, bytesReused, etag: version.etag };
}

class ChunkDownload {
  readonly #session: Session;
  readonly #version: FileVersion;
  readonly #part: PartFile;
  readonly #pool: BodyPool;
  readonly #onProgress: (bytes: number) => void;

  constructor(session: Session, version: FileVersion, part: PartFile, options: DownloadOptions) {
    this.#session = session;
    this.#version = version;
    this.#part = part;
    this.#pool = bodyPoolOf(session);
    this.#onProgress = options.onProgress ?? (() => {});
  }

  /** The chunks that the part file does not have yet. */
  async findLacking(chunks: readonly Chunk[]): Promise<Chunk[]> {
    const present = new Set<Chunk>();
    await concurrently(chunks, LIMITS.transferConcurrency, async (chunk) => {
      this.#version.signal?.throwIfAborted();
      const isPresent = await this.#pool.with((bytes) => this.#part.has(chunk, bytes));
      if (!isPresent) return;
      present.add(chunk);
      this.#onProgress(chunk.length);
    });
    return chunks.filter((chunk) => !present.has(chunk));
  }

  async fetch(chunks: readonly Chunk[]): Promise<void> {
    await concurrently(groupChunks(chunks), LIMITS.transferConcurrency, async (group) => {
      await this.#pool.with(async (bytes) => {
        const body = await fetchChunks(this.#session, this.#version, group, bytes);
        await this.#write(group, body);
      });
      this.#onProgress(group.reduce((sum, { length }) => sum + length, 0));
    });
  }

  /** Neighbors in the file are written at once. */
  async #write(chunks: readonly Chunk[], body: ChunkBody): Promise<void> {
    const [first] = chunks;
    assert(first !== undefined, 'a group has chunks');
    let run: Uint8Array[] = [];
    let start = first.offset;
    let end = first.offset;
    for (const [index, chunk] of chunks.entries()) {
      if (chunk.offset !== end) {
        await this.#part.write(run, start);
        run = [];
        start = chunk.offset;
      }
      run.push(body.view(index));
      end = chunk.offset + chunk.length;
    }
    await this.#part.write(run, start);
  }
}
