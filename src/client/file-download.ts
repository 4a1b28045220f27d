import type { BigIntStats } from 'node:fs';
import { type FileHandle, lstat, realpath } from 'node:fs/promises';
import { assert, GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { systemCode } from '../base/system-error.ts';
import type { Chunk, Manifest } from '../format/manifest.ts';
import { type BodyPool, bodyPoolOf, ChunkBody } from './chunk-body.ts';
import { fetchChunks } from './chunk-data.ts';
import { ChunkFinder } from './chunk-finder.ts';
import { concurrently } from './concurrently.ts';
import { type Leftovers, leftoversOf } from './leftovers.ts';
import {
  attributesOf,
  type LocalAttributes,
  receivedMode,
  receivedTime,
} from './local-attributes.ts';
import { clearHoles, holdsContent } from './local-content.ts';
import { localError, quote } from './local-error.ts';
import { LocalSource, openToReuse } from './local-source.ts';
import type { FileVersion } from './manifest.ts';
import { openPartFile, type PartFile } from './part-file.ts';
import { partPath } from './part-names.ts';
import type { Session } from './session.ts';
import type { OnProgress } from './tally.ts';
import type { TransferOptions } from './transfer-options.ts';

export interface FileDownloadOptions {
  readonly version: FileVersion & LocalAttributes;
  readonly manifest: Manifest;
  /** Local path. */
  readonly target: string;
  readonly transfer: TransferOptions;
  readonly onProgress: OnProgress;
}

/** How often other downloads may take away the part of this one. */
const PART_ROUNDS_MAX = 4;

/** Refusals to set attributes of a file that can still be replaced. */
const NOT_MINE = ['EACCES', 'EPERM'];

/** One version of a file on its way to one target. */
export class FileDownload implements AsyncDisposable {
  readonly #session: Session;
  readonly #options: FileDownloadOptions;
  readonly #pool: BodyPool;
  readonly #leftovers: Leftovers;
  readonly #part: string;
  readonly #opened = new AsyncDisposableStack();
  /** Parts of this download that others took away, with all that is in them. */
  readonly #lost: LocalSource[] = [];
  #progress = 0;
  /** Bytes of chunks that came over the wire. */
  bytesReceived = 0;

  constructor(session: Session, options: FileDownloadOptions) {
    const { target, version, transfer } = options;
    this.#session = session;
    this.#options = options;
    this.#pool = bodyPoolOf(session);
    this.#leftovers = leftoversOf(transfer);
    this.#part = partPath(target, version.etag);
  }

  /** When it resolves, the target is that version: whole, verified and durable. */
  async run(): Promise<void> {
    try {
      await this.#attemptUntilDone();
      // Holes are there without anything done.
      this.#advance(this.#options.manifest.size - this.#progress);
    } catch (error) {
      this.#advance(-this.#progress);
      throw error;
    }
    await this.#leftovers.remove(this.#options.target);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#opened.disposeAsync();
  }

  async #attemptUntilDone(): Promise<void> {
    for (let round = 0; !(await this.#attempt()); round += 1) {
      if (round === PART_ROUNDS_MAX) {
        throw new GdpfsError(
          'changed',
          `cannot create ${quote(this.#options.target)}: other downloads keep removing its part`,
        );
      }
      this.#advance(-this.#progress);
    }
  }

  /** False if another download took the part away. */
  async #attempt(): Promise<boolean> {
    const { target, version, transfer } = this.#options;
    const existing = await this.#openExisting();
    if (existing !== undefined && (await this.#isDone(existing))) return true;
    const { etag, size } = version;
    const { recheck } = transfer;
    const part = this.#opened.use(await openPartFile({ target, etag, size, recheck }));
    this.#leftovers.add(target, part.path);
    await this.#fill(part, existing);
    if (await part.finish(version)) return true;
    this.#leftovers.forget(target, part.path);
    this.#lost.push(new LocalSource(part.handle, size, size));
    return false;
  }

  /** What is at the target. Throws `is_a_directory` or `not_a_file` for what no file may replace. */
  async #openExisting(): Promise<FileHandle | undefined> {
    const { target } = this.#options;
    const stats = await lstatIfPresent(target);
    if (stats === undefined || stats.isSymbolicLink()) return undefined;
    if (!stats.isFile()) {
      const code = stats.isDirectory() ? 'is_a_directory' : 'not_a_file';
      throw new GdpfsError(code, `cannot replace ${quote(target)}: it is not a regular file`);
    }
    return await this.#open(target);
  }

  async #open(path: string): Promise<FileHandle | undefined> {
    const handle = await openToReuse(path);
    return handle === undefined ? undefined : this.#opened.use(handle);
  }

  /** Is the target what is wanted? Then only its attributes are set. */
  async #isDone(existing: FileHandle): Promise<boolean> {
    const { manifest, target, version } = this.#options;
    const stats = await existing.stat({ bigint: true });
    // A part says that it was not, last time.
    const isPossible =
      stats.size === BigInt(manifest.size) && !this.#leftovers.has(target, this.#part);
    if (!isPossible) return false;
    const isSame = await holdsContent(existing, manifest, {
      pool: this.#pool,
      signal: version.signal,
      onGood: (bytes) => this.#advance(bytes),
    });
    if (isSame && (await hasAttributes(existing, { stats, version, target }))) return true;
    this.#advance(-this.#progress);
    return false;
  }

  /** Brings all chunks into the part, unless it gets lost meanwhile. */
  async #fill(part: PartFile, existing: FileHandle | undefined): Promise<void> {
    const { manifest, transfer, version } = this.#options;
    const { signal } = version;
    const recheck = transfer.recheck === true;
    const pool = this.#pool;
    if (part.isResumed && recheck) await clearHoles(part.handle, manifest, { pool, signal });
    const finder = new ChunkFinder({
      chunks: manifest.chunks,
      part,
      sources: await this.#sources(existing),
      pool,
      recheck,
      signal,
      onFound: (bytes) => this.#advance(bytes),
    });
    await concurrently(finder.missing(), LIMITS.downloadConcurrency, async (group) => {
      if (part.isLost) return;
      await pool.with(async (bytes) => {
        const body = await fetchChunks(
          this.#session,
          version,
          group,
          new ChunkBody(bytes, group, 'direct'),
        );
        await writeChunks(part, group, body);
      });
      const size = group.reduce((sum, { length }) => sum + length, 0);
      this.bytesReceived += size;
      this.#advance(size, size);
    });
  }

  /** Local files that may have chunks, the likeliest first. Throws if that of the user cannot be read. */
  async #sources(existing: FileHandle | undefined): Promise<LocalSource[]> {
    const { target, transfer } = this.#options;
    const handles = existing === undefined ? [] : [existing];
    const parts = this.#leftovers.partsOf(target, this.#part).slice(0, LIMITS.partSourcesMax);
    for (const path of parts) {
      const handle = await this.#open(path);
      if (handle !== undefined) handles.push(handle);
    }
    if (transfer.reuse !== undefined) handles.push(await this.#openGiven(transfer.reuse));
    const { size } = this.#options.manifest;
    const sources = handles.map(async (handle) => {
      return new LocalSource(handle, (await handle.stat()).size, size);
    });
    return [...this.#lost, ...(await Promise.all(sources))];
  }

  async #openGiven(path: string): Promise<FileHandle> {
    const handle = await this.#open(await realpath(path).catch(() => path));
    if (handle !== undefined) return handle;
    throw new GdpfsError(
      'not_found',
      `cannot reuse ${quote(path)}: it is not there or cannot be read, need a regular file`,
    );
  }

  #advance(bytes: number, bytesReceived = 0): void {
    this.#progress += bytes;
    if (bytes !== 0) this.#options.onProgress(bytes, bytesReceived);
  }
}

/** Neighbors in the file are written at once. */
async function writeChunks(
  part: PartFile,
  chunks: readonly Chunk[],
  body: ChunkBody,
): Promise<void> {
  const [first] = chunks;
  assert(first !== undefined, 'a group has chunks');
  let run: Uint8Array[] = [];
  let start = first.offset;
  let end = first.offset;
  for (const [index, chunk] of chunks.entries()) {
    if (chunk.offset !== end) {
      await part.write(run, start);
      run = [];
      start = chunk.offset;
    }
    run.push(body.view(index));
    end = chunk.offset + chunk.length;
  }
  await part.write(run, start);
}

/** Gives a file its attributes where it lacks them; false if it is somebody else's. */
async function hasAttributes(
  handle: FileHandle,
  file: {
    readonly stats: BigIntStats;
    readonly version: LocalAttributes;
    readonly target: string;
  },
): Promise<boolean> {
  const { stats, version, target } = file;
  const { mode, mtimeUs } = attributesOf(stats);
  const time = receivedTime(version);
  try {
    if (mode !== receivedMode(version)) await handle.chmod(receivedMode(version));
    if (mtimeUs !== version.mtimeUs) await handle.utimes(time, time);
    await handle.sync();
    return true;
  } catch (cause) {
    if (NOT_MINE.includes(systemCode(cause) ?? '')) return false;
    throw localError('set the attributes of', target, cause);
  }
}

async function lstatIfPresent(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw localError('read', path, cause);
  }
}
