import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { sha256 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import type { EntryPackWriter } from '../wire/entry-pack-writer.ts';
import { attributesOf, isRegular } from './local-attributes.ts';
import { localError } from './local-error.ts';
import { isSame, sourceChanged } from './source-state.ts';
import type { TreeEntry } from './sync/action.ts';

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/** More than a step of the clock by which file systems note when a file was changed. */
const CLOCK_STEP_MS = 100;

/** A file as it was packed, which may be newer than what was listed. */
export interface PackedFile {
  readonly entry: TreeEntry;
  /** SHA-256 of the content. */
  readonly digest: Uint8Array;
  /** A view of the pack. */
  readonly data: Uint8Array;
  /** Where it begins in there. */
  readonly place: number;
}

/**
 * Reads the file at `path` right into a pack, and hashes it. If it is not as it was listed any more, it
 * is taken as it is now. Throws `source_changed` if it does not rest or is not small any more, and
 * what else keeps it from being read; then the pack is as before. Synchronous: for worker threads.
 */
export function packSmallFile(path: string, listed: TreeEntry, into: EntryPackWriter): PackedFile {
  try {
    const file = openSync(path, FLAGS);
    try {
      // A file that is being written to may be at rest a moment later.
      const packed =
        packAsListed(file, listed, into) ?? pack(file, listed, into) ?? pack(file, listed, into);
      if (packed === undefined) throw sourceChanged(path);
      return packed;
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw localError('read', path, cause);
  }
}

/**
 * With one look at the file, behind the read, which is a tenth of what a file costs. Undefined unless it is
 * as it was listed, and nothing has changed it for a while before it was read.
 */
function packAsListed(
  file: number,
  listed: TreeEntry,
  into: EntryPackWriter,
): PackedFile | undefined {
  if (listed.size > LIMITS.smallFileBytesMax) return undefined;
  const beforeMs = Date.now();
  try {
    return read(file, {
      entry: listed,
      into,
      isAsBefore: (now) => isAtRest(now, listed, beforeMs),
    });
  } catch {
    // It may be something else by now; whoever looks before it reads can tell.
    return undefined;
  }
}

function isAtRest(stats: BigIntStats, listed: TreeEntry, beforeMs: number): boolean {
  const { mode, mtimeUs } = attributesOf(stats);
  return (
    isRegular(stats) &&
    Number(stats.size) === listed.size &&
    mode === listed.mode &&
    mtimeUs === listed.mtimeUs &&
    Number(stats.ctimeMs) < beforeMs - CLOCK_STEP_MS
  );
}

/** Undefined if the file changed meanwhile, or is none of those that are packed. */
function pack(file: number, listed: TreeEntry, into: EntryPackWriter): PackedFile | undefined {
  const stats = fstatSync(file, { bigint: true });
  if (!isRegular(stats) || stats.size > LIMITS.smallFileBytesMax) return undefined;
  const entry = { ...listed, size: Number(stats.size), ...attributesOf(stats) };
  return read(file, { entry, into, isAsBefore: (now) => isSame(stats, now) });
}

/** Undefined if the file changed meanwhile. */
function read(
  file: number,
  to: {
    readonly entry: TreeEntry;
    readonly into: EntryPackWriter;
    readonly isAsBefore: (now: BigIntStats) => boolean;
  },
): PackedFile | undefined {
  const { entry, into, isAsBefore } = to;
  const { relative: path, mode, mtimeUs, size } = entry;
  const data = into.open({ path, mode, mtimeUs }, size);
  let isWhole = false;
  try {
    isWhole = fill(file, data) && isAsBefore(fstatSync(file, { bigint: true }));
  } finally {
    if (!isWhole) into.undo();
  }
  if (!isWhole) return undefined;
  const digest = sha256(data);
  into.seal(digest);
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
