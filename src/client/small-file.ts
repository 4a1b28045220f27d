import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { sha256 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import type { TarWriter } from '../wire/tar-writer.ts';
import { attributesOf } from './local-attributes.ts';
import { localError } from './local-error.ts';
import { isSame, sourceChanged } from './source-state.ts';
import type { TreeEntry } from './sync/action.ts';

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/** A file as it was packed, which may be newer than what was listed. */
export interface PackedFile {
  readonly entry: TreeEntry;
  /** SHA-256 of the content. */
  readonly digest: Uint8Array;
  /** A view of the tar. */
  readonly data: Uint8Array;
  /** Where it begins in there. */
  readonly place: number;
}

/**
 * Reads the file at `path` right into a tar, and hashes it. If it is not as it was listed any more, it
 * is taken as it is now. Throws `source_changed` if it does not rest or is not small any more, and
 * what else keeps it from being read; then the tar is as before. Synchronous: for worker threads.
 */
export function packSmallFile(path: string, listed: TreeEntry, tar: TarWriter): PackedFile {
  try {
    const file = openSync(path, FLAGS);
    try {
      // A file that is being written to may be at rest a moment later.
      const packed = pack(file, listed, tar) ?? pack(file, listed, tar);
      if (packed === undefined) throw sourceChanged(path);
      return packed;
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw localError('read', path, cause);
  }
}

/** Undefined if the file changed meanwhile, or is none of those that are packed. */
function pack(file: number, listed: TreeEntry, tar: TarWriter): PackedFile | undefined {
  const stats = fstatSync(file, { bigint: true });
  if (!stats.isFile() || stats.size > LIMITS.smallFileBytesMax) return undefined;
  const entry = { ...listed, size: Number(stats.size), ...attributesOf(stats) };
  const { relative, mode, mtimeUs, size } = entry;
  const data = tar.open({ kind: 'file', path: relative, mode, mtimeUs, size });
  if (!fill(file, data) || !isSame(stats, fstatSync(file, { bigint: true }))) {
    tar.undo();
    return undefined;
  }
  const digest = sha256(data);
  tar.seal(digest);
  return { entry, digest, data, place: data.byteOffset };
}

/** From the start. False if the file ends before. */
function fill(file: number, bytes: Uint8Array): boolean {
  let length = 0;
  while (length < bytes.length) {
    const bytesRead = readSync(file, bytes, length, bytes.length - length, length);
    if (bytesRead === 0) return false;
    length += bytesRead;
  }
  return true;
}
