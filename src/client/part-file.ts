import { type BigIntStats, constants } from 'node:fs';
import { chmod, type FileHandle, lstat, open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { runsOf, splitParts } from '../base/bytes.ts';
import { crc32 } from '../base/digest.ts';
import { DIRECT_BLOCK_BYTES, isDirect } from '../base/direct-io.ts';
import { DiskPace } from '../base/disk-pace.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { systemCode } from '../base/system-error.ts';
import type { Chunk } from '../format/manifest.ts';
import { type ByteRange, isCovered } from './byte-ranges.ts';
import { openDirect } from './direct-file.ts';
import { ExchangeGate, fixedControl } from './flow/exchange-gate.ts';
import { localError, quote } from './local-error.ts';
import { type LocalAttributes, receivedMode, receivedTime } from './local-attributes.ts';
import { isOurs } from './ownership.ts';
import { PartJournal } from './part-journal.ts';
import { finishingPath, journalPath, partPath } from './part-names.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR } =
  constants;
const PART_FLAGS = O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;

/** Only the owner reads what is not whole yet. */
const PART_MODE = 0o600;

/** How often another process may remove or finish the part between two looks at it. */
const OPEN_ROUNDS_MAX = 3;

export interface PartOptions {
  /** Local path of the file that the part will be. Its directory exists. */
  readonly target: string;
  /** Content that the part is for. */
  readonly etag: string;
  /** Bytes of that content. */
  readonly size: number;
  /** Do not believe the journal. */
  readonly recheck?: boolean | undefined;
}

/**
 * A file that is being received. It stays when a download is cut off, and the next one goes on with
 * what is good in it. No lock keeps others out: all who have it open write the same verified bytes to
 * the same places, and only one rename of it can succeed.
 */
export class PartFile implements AsyncDisposable {
  readonly path: string;
  /** Was there something to go on with? */
  readonly isResumed: boolean;
  /**
   * Does its name stand for something else by now? Either another process downloads the same and was
   * faster, so that this is the target; or whoever finished another version removed it. Then nothing
   * is written any more.
   */
  isLost = false;
  readonly #target: string;
  readonly #handle: FileHandle;
  /** The same past the page cache, of a large file where that is possible. */
  #direct: FileHandle | undefined;
  readonly #pace = new DiskPace();
  readonly #stats: BigIntStats;
  readonly #journal: PartJournal;
  readonly #known: readonly ByteRange[];
  /** Good, but perhaps not durable yet. */
  #pending: ByteRange[] = [];
  #pendingBytes = 0;
  /** The sync that runs, if one does. It does not reject. */
  #syncing: Promise<void> | undefined;
  #isNameDurable = false;
  #failure: GdpfsError | undefined;
  /** Through the cache one after the other, as the system would, but without threads that spin on its lock. */
  readonly #cachedWrites = new ExchangeGate(fixedControl(1));
  readonly #directWrites = new ExchangeGate(fixedControl(LIMITS.partDirectWritesMax));

  constructor(
    { target, etag }: PartOptions,
    opened: OpenedPart & {
      readonly direct: FileHandle | undefined;
      readonly journal: PartJournal;
      readonly known: readonly ByteRange[];
    },
  ) {
    this.#target = target;
    this.path = partPath(target, etag);
    this.isResumed = opened.isResumed;
    this.#handle = opened.handle;
    this.#direct = opened.direct;
    this.#stats = opened.stats;
    this.#journal = opened.journal;
    this.#known = opened.known;
  }

  /** The file itself, to read from; it is closed with the part. */
  get handle(): FileHandle {
    return this.#handle;
  }

  /** Reads the bytes of `chunk` into `view`: are they what its checksum says? */
  async mayHave({ offset, length, checksum }: Chunk, view: Uint8Array): Promise<boolean> {
    try {
      const { bytesRead } = await this.#handle.read(view, 0, length, offset);
      return bytesRead === length && crc32(view) === checksum;
    } catch (cause) {
      throw localError('read', this.path, cause);
    }
  }

  /** Does the journal say that these bytes are good? */
  isKnown(range: ByteRange): boolean {
    return isCovered(this.#known, range);
  }

  /** These bytes were found good in the part: the journal may say so. */
  confirm({ offset, length }: ByteRange): void {
    this.#pending.push({ offset, length });
    this.#pendingBytes += length;
    if (this.#pendingBytes >= LIMITS.partSyncBytes) this.#syncing ??= this.#sync();
  }

  /** Writes verified `views`, one behind the other, from `offset`. Calls may overlap. */
  async write(views: readonly Uint8Array[], offset: number): Promise<void> {
    const direct = await this.#directWrites.pass(() => this.#writeDirect(views, offset), undefined);
    const [, rest] = splitParts(views, direct);
    const writeRest = (): Promise<number> => this.#writeCached(rest, offset + direct);
    const cached = await this.#cachedWrites.pass(writeRest, undefined);
    if (!this.isLost) this.confirm({ offset, length: direct + cached });
  }

  /**
   * Makes it durable under its final name, replacing what had it. False if it is lost and not the
   * target: then that is as it was.
   */
  async finish(attributes: LocalAttributes): Promise<boolean> {
    const time = receivedTime(attributes);
    await this.#settle();
    try {
      await this.#handle.chmod(receivedMode(attributes));
      await this.#handle.utimes(time, time);
      await this.#handle.sync().catch((cause: unknown) => this.#distrust(cause));
      this.#throwFailure();
      // What is lost may lack what was to be written since, even if it has its name again.
      const isMoved = !this.isLost && (await this.#move());
      // Otherwise another process may just have done it.
      if (!isMoved && !(await this.#isAt(this.#target))) return false;
      await syncDirectory(dirname(this.#target));
    } catch (cause) {
      throw localError('create', this.#target, cause);
    }
    await this.#journal.remove();
    return true;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#syncing;
    await this.#journal.close();
    await this.#direct?.close();
    await this.#handle.close();
  }

  /** Is there still something to write to? Throws what failed before. */
  async #mayWrite(): Promise<boolean> {
    this.#throwFailure();
    this.isLost ||= !(await this.#isAt(this.path));
    return !this.isLost;
  }

  /** Bytes that were written: all, unless the part is lost. */
  async #writeCached(views: readonly Uint8Array[], offset: number): Promise<number> {
    if (views.length === 0 || !(await this.#mayWrite())) return 0;
    let position = offset;
    for (const run of runsOf(views, {
      bytes: LIMITS.partCallBytesMax,
      parts: LIMITS.writePartsMax,
    })) {
      position += await this.#writeRun(this.#handle, run, position);
    }
    return position - offset;
  }

  /** Writes what it can past the page cache, of a large file. Bytes from the first on. */
  async #writeDirect(views: readonly Uint8Array[], offset: number): Promise<number> {
    const direct = this.#direct;
    const run = direct === undefined ? [] : directPart(views, offset);
    if (direct === undefined || run.length === 0 || !(await this.#mayWrite())) return 0;
    const bytes = run.reduce((sum, { length }) => sum + length, 0);
    if (this.#pace.isSlow) {
      this.#pace.passed(bytes);
      return 0;
    }
    this.#pace.begin(performance.now());
    try {
      return await this.#writeRun(direct, run, offset);
    } catch (error) {
      if (!(error instanceof Error) || systemCode(error.cause) !== 'EINVAL') throw error;
      // The file system takes no such writes after all.
      this.#direct = undefined;
      await direct.close();
      return 0;
    } finally {
      this.#pace.end(performance.now(), bytes);
    }
  }

  async #writeRun(
    handle: FileHandle,
    run: readonly Uint8Array[],
    position: number,
  ): Promise<number> {
    const length = run.reduce((sum, view) => sum + view.length, 0);
    let bytesWritten: number;
    try {
      ({ bytesWritten } = await handle.writev(run, position));
    } catch (cause) {
      throw localError('write', this.#target, cause);
    }
    if (bytesWritten === length) return length;
    throw new GdpfsError(
      'no_space',
      `cannot write ${quote(this.#target)}: no space left on the disk`,
    );
  }

  /** Makes durable what is pending, and then tells the journal; and again while there is enough. */
  async #sync(): Promise<void> {
    try {
      while (this.#pendingBytes >= LIMITS.partSyncBytes) {
        const ranges = this.#pending;
        this.#pending = [];
        this.#pendingBytes = 0;
        await this.#handle.datasync();
        await this.#journal.append(ranges);
        // The names of both must survive a crash of the system, too.
        if (!this.#isNameDurable) await syncDirectory(dirname(this.path));
        this.#isNameDurable = true;
      }
    } catch (cause) {
      await this.#distrust(cause);
    }
    this.#syncing = undefined;
  }

  /** A sync failed: the system may now take for written what is not on the disk. */
  async #distrust(cause: unknown): Promise<void> {
    this.#failure = localError('write', this.#target, cause);
    if (this.#failure.code !== 'no_space') await rm(this.path, { force: true }).catch(() => {});
  }

  async #settle(): Promise<void> {
    await this.#syncing;
    this.#throwFailure();
  }

  #throwFailure(): void {
    if (this.#failure !== undefined) throw this.#failure;
  }

  /**
   * Renames the part to the target. By way of a name of its own: what the part's name stands for can
   * change at any moment, and nothing else must become the target. False if it was not there.
   */
  async #move(): Promise<boolean> {
    const own = finishingPath(this.path);
    if (!(await renamed(this.path, own))) return false;
    if (!(await this.#isAt(own))) {
      // Another's part, which has the name since this one has been finished or removed.
      await renamed(own, this.path);
      return false;
    }
    try {
      return await renamed(own, this.#target);
    } catch (error) {
      await renamed(own, this.path);
      throw error;
    }
  }

  async #isAt(path: string): Promise<boolean> {
    const stats = await lstatIfPresent(path);
    return stats !== undefined && stats.ino === this.#stats.ino && stats.dev === this.#stats.dev;
  }
}

/** Makes or finds the part, as long as the file will be, sparse. */
export async function openPartFile(options: PartOptions): Promise<PartFile> {
  const { target, etag, size, recheck } = options;
  const path = partPath(target, etag);
  try {
    const opened = await openPart(path, size);
    const { ino: inode, birthtimeNs: birthNs } = opened.stats;
    const journal = new PartJournal(journalPath(path), { etag, size, inode, birthNs });
    const isBelieved = opened.isResumed && recheck !== true;
    if (!isBelieved) await journal.remove();
    const known = isBelieved ? await journal.read() : [];
    const isLarge = size >= LIMITS.directFileBytesMin;
    const direct = isLarge ? await openDirect(opened.handle, O_RDWR) : undefined;
    return new PartFile(options, { ...opened, direct, journal, known });
  } catch (cause) {
    throw localError('create', target, cause);
  }
}

/** Those of the views, and of their last one those bytes, that a direct write takes. */
function directPart(views: readonly Uint8Array[], offset: number): Uint8Array[] {
  const part: Uint8Array[] = [];
  let position = offset;
  for (const view of views) {
    const length = view.length - (view.length % DIRECT_BLOCK_BYTES);
    const blocks = view.subarray(0, length);
    if (length === 0 || !isDirect(blocks, position)) break;
    part.push(blocks);
    position += length;
    if (length < view.length) break;
  }
  return part;
}

interface OpenedPart {
  readonly handle: FileHandle;
  readonly stats: BigIntStats;
  readonly isResumed: boolean;
}

async function openPart(path: string, size: number): Promise<OpenedPart> {
  for (let round = 0; round < OPEN_ROUNDS_MAX; round += 1) {
    const isNew = !(await isPresent(path));
    const handle = await openAs(path, isNew);
    if (handle === undefined) continue;
    try {
      const stats = await handle.stat({ bigint: true });
      requireOwn(path, stats);
      // One that is new, or that its maker has only just made, is empty.
      const isUsable = stats.size === BigInt(size) || stats.size === 0n;
      if (!isNew && !(isUsable && isOurs(stats))) {
        // Not what its name says, such as after a crash of the system; or somebody else's, who could
        // still write to it when it is the target.
        await rm(path, { force: true });
        await handle.close();
        continue;
      }
      await handle.truncate(size);
      return { handle, stats, isResumed: !isNew };
    } catch (cause) {
      await handle.close();
      throw cause;
    }
  }
  throw new GdpfsError('changed', `cannot open ${quote(path)}: other processes keep replacing it`);
}

async function isPresent(path: string): Promise<boolean> {
  const stats = await lstatIfPresent(path);
  if (stats === undefined) return false;
  requireOwn(path, stats);
  // A crash left it between its last change of mode and its name.
  if (isOurs(stats) && (stats.mode & BigInt(PART_MODE)) !== BigInt(PART_MODE))
    await chmod(path, PART_MODE);
  return true;
}

/** Undefined if another process made, or removed, the part meanwhile. */
async function openAs(path: string, isNew: boolean): Promise<FileHandle | undefined> {
  try {
    return await open(path, isNew ? PART_FLAGS | O_CREAT | O_EXCL : PART_FLAGS, PART_MODE);
  } catch (cause) {
    if (systemCode(cause) === (isNew ? 'EEXIST' : 'ENOENT')) return undefined;
    throw cause;
  }
}

function requireOwn(path: string, stats: BigIntStats): void {
  // A second name would make the finished file change under somebody else's name too.
  if (stats.isFile() && stats.nlink <= 1n) return;
  throw new GdpfsError('not_a_file', `cannot write ${quote(path)}: it is not a file of our own`);
}

async function lstatIfPresent(path: string): Promise<BigIntStats | undefined> {
  try {
    return await lstat(path, { bigint: true });
  } catch (cause) {
    if (systemCode(cause) !== 'ENOENT') throw cause;
    return undefined;
  }
}

/** False if there is nothing at `from`. */
async function renamed(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (cause) {
    if (systemCode(cause) !== 'ENOENT') throw cause;
    return false;
  }
}

async function syncDirectory(path: string): Promise<void> {
  await using directory = await open(path, O_RDONLY | O_DIRECTORY);
  await directory.sync();
}
