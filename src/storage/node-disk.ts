import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { runsOf, splitParts } from '../base/bytes.ts';
import { isDirect } from '../base/direct-io.ts';
import { DiskPace } from '../base/disk-pace.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { DirectWriter, directSpan, openDirect } from './direct-writer.ts';
import type { Disk, DiskFile } from './disk.ts';

/** The unit of `blocks` in what stat says, whatever the disk's own. */
const STAT_BLOCK_BYTES = 512;

/** The file system below `root`. */
export function openNodeDisk(root: string): Disk {
  const at = (path: string): string => join(root, path);
  const pace = new DiskPace();
  const writer = new DirectWriter();
  return {
    async open(path, options) {
      const flags = options?.create
        ? constants.O_RDWR | constants.O_CREAT | constants.O_EXCL
        : constants.O_RDWR;
      const handle = await failsAs(`open "${path}"`, open(at(path), flags, 0o600));
      return new NodeFile(handle, { path, writer, pace });
    },
    async list(directory) {
      try {
        return (await readdir(at(directory))).sort();
      } catch (error) {
        if (hasErrno(error, 'ENOENT')) return [];
        throw asDiskError(`list "${directory}"`, error);
      }
    },
    async makeDirectory(directory) {
      await failsAs(`make "${directory}"`, mkdir(at(directory), { recursive: true, mode: 0o700 }));
    },
    async rename(source, target) {
      await failsAs(`rename "${source}"`, rename(at(source), at(target)));
    },
    async remove(path) {
      await failsAs(`remove "${path}"`, rm(at(path), { force: true }));
    },
    async syncDirectory(directory) {
      const handle = await failsAs(`open "${directory}"`, open(at(directory), 'r'));
      try {
        await failsAs(`sync "${directory}"`, handle.sync());
      } finally {
        await handle.close();
      }
    },
    async freeBytes() {
      const stats = await failsAs('measure free space', statfs(root));
      return stats.bavail * stats.bsize;
    },
  };
}

class NodeFile implements DiskFile {
  readonly #handle: FileHandle;
  readonly #path: string;
  readonly #writer: DirectWriter;
  readonly #pace: DiskPace;
  /** The same for direct writes: opened for the first of them. */
  #direct: Promise<FileHandle | undefined> | undefined;
  #durable: Promise<FileHandle | undefined> | undefined;
  /** No direct writes, after one that could not be. */
  #isCached = false;

  constructor(
    handle: FileHandle,
    {
      path,
      writer,
      pace,
    }: { readonly path: string; readonly writer: DirectWriter; readonly pace: DiskPace },
  ) {
    this.#pace = pace;
    this.#handle = handle;
    this.#path = path;
    this.#writer = writer;
  }

  async read(
    target: Uint8Array,
    position: number,
    { aside = false }: { readonly aside?: boolean } = {},
  ): Promise<number> {
    const isAside = aside && isDirect(target, position);
    const direct = isAside ? await this.#openDirect(target.length) : undefined;
    if (direct === undefined) return await this.#read(target, position);
    // A direct read is short only at the end of the file, and cannot go on behind a part of a block.
    const read = async (): Promise<number> =>
      (await direct.read(target, 0, target.length, position)).bytesRead;
    return await failsAs(`read "${this.#path}"`, this.#timed(target.length, read));
  }

  async write(parts: readonly Uint8Array[], position: number): Promise<void> {
    const span = this.#isCached ? undefined : directSpan(parts, position);
    const direct = span === undefined ? undefined : await this.#openDirect(span.length);
    if (span === undefined || direct === undefined) return await this.#write(parts, position);
    const [head, rest] = splitParts(parts, span.before);
    const [middle, tail] = splitParts(rest, span.length);
    const start = position + span.before;
    await this.#write(head, position);
    const write = async (): Promise<boolean> => this.#writer.write(direct, middle, start);
    const isWritten = await failsAs(`write "${this.#path}"`, this.#timed(span.length, write));
    this.#isCached = !isWritten;
    if (!isWritten) await this.#write(middle, start);
    await this.#write(tail, start + span.length);
  }

  async writeDurably(parts: readonly Uint8Array[], position: number): Promise<void> {
    if (await this.#writeDurably(parts, position)) return;
    await this.write(parts, position);
    await this.sync();
  }

  /** By direct writes alone, if they can be that. */
  async #writeDurably(parts: readonly Uint8Array[], position: number): Promise<boolean> {
    const span = this.#isCached || this.#pace.isSlow ? undefined : directSpan(parts, position);
    const size = parts.reduce((sum, part) => sum + part.length, 0);
    if (span?.before !== 0 || span.length !== size) return false;
    const direct = await (this.#durable ??= openDirect(this.#handle, { isDurable: true }));
    if (direct === undefined) return false;
    const write = async (): Promise<boolean> => this.#writer.write(direct, parts, position);
    return await failsAs(`write "${this.#path}"`, this.#timed(size, write));
  }

  async sync(): Promise<void> {
    await failsAs(`sync "${this.#path}"`, this.#handle.datasync());
  }

  async size(): Promise<number> {
    return (await failsAs(`stat "${this.#path}"`, this.#handle.stat())).size;
  }

  async allocatedBytes(): Promise<number> {
    const { blocks } = await failsAs(`stat "${this.#path}"`, this.#handle.stat());
    return blocks * STAT_BLOCK_BYTES;
  }

  async truncate(size: number): Promise<void> {
    await failsAs(`truncate "${this.#path}"`, this.#handle.truncate(size));
  }

  async close(): Promise<void> {
    await (await this.#direct)?.close();
    await (await this.#durable)?.close();
    await this.#handle.close();
  }

  /** For a direct access of so many bytes; undefined if it cannot be, or the cache is better. */
  async #openDirect(bytes: number): Promise<FileHandle | undefined> {
    if (!this.#pace.isSlow) return await (this.#direct ??= openDirect(this.#handle));
    this.#pace.passed(bytes);
    return undefined;
  }

  async #timed<T>(bytes: number, access: () => Promise<T>): Promise<T> {
    this.#pace.begin(performance.now());
    try {
      return await access();
    } finally {
      this.#pace.end(performance.now(), bytes);
    }
  }

  async #read(target: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < target.length) {
      const { bytesRead } = await failsAs(
        `read "${this.#path}"`,
        this.#handle.read(target, done, target.length - done, position + done),
      );
      if (bytesRead === 0) break;
      done += bytesRead;
    }
    return done;
  }

  /** Through the page cache, several writes in flight: one alone does not keep the disk busy. */
  async #write(parts: readonly Uint8Array[], position: number): Promise<void> {
    const writes: Promise<void>[] = [];
    let offset = position;
    const pieces = runsOf(parts, { bytes: LIMITS.segmentWriteBytesMax, parts: parts.length });
    for (const piece of pieces) {
      writes.push(this.#writePiece(piece, offset));
      for (const part of piece) offset += part.length;
    }
    const results = await Promise.allSettled(writes);
    for (const result of results) if (result.status === 'rejected') throw result.reason;
  }

  async #writePiece(parts: readonly Uint8Array[], position: number): Promise<void> {
    let offset = position;
    for (const run of runsOf(parts, {
      bytes: LIMITS.segmentCallBytesMax,
      parts: LIMITS.writePartsMax,
    })) {
      offset += await writeVector(this.#handle, run, { path: this.#path, position: offset });
    }
  }
}

/** Writes all of `parts`; a short write (disk full, signal) goes on where it stopped. */
async function writeVector(
  handle: FileHandle,
  parts: readonly Uint8Array[],
  place: { readonly path: string; readonly position: number },
): Promise<number> {
  let rest = parts;
  let position = place.position;
  while (rest.length > 0) {
    const { bytesWritten } = await failsAs(
      `write "${place.path}"`,
      handle.writev(rest as Uint8Array[], position),
    );
    if (bytesWritten === 0 && rest.some((part) => part.length > 0)) {
      throw new GdpfsError('no_space', `cannot write "${place.path}": the disk takes nothing`);
    }
    position += bytesWritten;
    rest = dropBytes(rest, bytesWritten);
  }
  return position - place.position;
}

function dropBytes(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  let left = count;
  const rest: Uint8Array[] = [];
  for (const part of parts) {
    if (left >= part.length) left -= part.length;
    else {
      rest.push(left > 0 ? part.subarray(left) : part);
      left = 0;
    }
  }
  return rest;
}

async function failsAs<T>(action: string, promise: Promise<T>): Promise<T> {
  try {
    return await promise;
  } catch (error) {
    throw asDiskError(action, error);
  }
}

function asDiskError(action: string, error: unknown): GdpfsError {
  if (isGdpfsError(error)) return error;
  if (hasErrno(error, 'ENOSPC') || hasErrno(error, 'EDQUOT')) {
    return new GdpfsError('no_space', `cannot ${action}: the disk is full`, { cause: error });
  }
  const reason = error instanceof Error ? error.message : String(error);
  return new GdpfsError('local_io', `cannot ${action}: ${reason}`, { cause: error });
}

function hasErrno(error: unknown, code: string): boolean {
  return error instanceof Error && (error as NodeJS.ErrnoException).code === code;
}
