import { constants } from 'node:fs';
import { type FileHandle, mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { runsOf } from '../base/bytes.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Disk, DiskFile } from './disk.ts';

/** The file system below `root`. */
export function openNodeDisk(root: string): Disk {
  const at = (path: string): string => join(root, path);
  return {
    async open(path, options) {
      const flags = options?.create
        ? constants.O_RDWR | constants.O_CREAT | constants.O_EXCL
        : constants.O_RDWR;
      return nodeFile(await failsAs(`open "${path}"`, open(at(path), flags, 0o600)), path);
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

function nodeFile(handle: FileHandle, path: string): DiskFile {
  return {
    async read(target, position) {
      let done = 0;
      while (done < target.length) {
        const { bytesRead } = await failsAs(
          `read "${path}"`,
          handle.read(target, done, target.length - done, position + done),
        );
        if (bytesRead === 0) break;
        done += bytesRead;
      }
      return done;
    },
    async write(parts, position) {
      let offset = position;
      for (const run of runsOf(parts, {
        bytes: LIMITS.segmentCallBytesMax,
        parts: LIMITS.writePartsMax,
      })) {
        offset += await writeVector(handle, run, { path, position: offset });
      }
    },
    async sync() {
      await failsAs(`sync "${path}"`, handle.datasync());
    },
    async size() {
      return (await failsAs(`stat "${path}"`, handle.stat())).size;
    },
    async truncate(size) {
      await failsAs(`truncate "${path}"`, handle.truncate(size));
    },
    async close() {
      await handle.close();
    },
  };
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
