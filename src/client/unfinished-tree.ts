import { type Stats, statSync, unlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { hexEncode, utf8Encode } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { makeDirectories } from '../wire/make-directories.ts';
import type { Tally } from './tally.ts';

/** A copy of a directory, as a command names it. */
export interface TreeCopy {
  readonly direction: 'up' | 'down';
  /** Local path. */
  readonly local: string;
  /** `https://host:port` of the server. */
  readonly server: string;
  /** `/<volume>/<path>`. */
  readonly path: string;
}

/**
 * A note that the copy of a directory has begun to make its destination and has not ended. By the rules
 * of cp(1) the same command means something else once the destination exists: a copy inside it.
 * With the note, the command run again goes on with what it has begun.
 */
export interface UnfinishedTree {
  /** Was the copy begun before, and not ended? */
  readonly isBegun: boolean;
  /** To be called before the destination is made. */
  begin(): void;
  /** To be called behind it. The note stays if something failed: then the command is to go on. */
  end(): void;
}

/**
 * `directory` is where journals are kept; without one nothing is noted. Synchronous, like what it returns: a
 * command waits for each, and a call takes less than the way to another thread.
 */
export function findUnfinishedTree(
  directory: string | undefined,
  { direction, local, server, path: remote }: TreeCopy,
  tally: Tally,
): UnfinishedTree {
  if (directory === undefined) return NOTHING_NOTED;
  const subject = ['gdpfs unfinished tree 1', direction, server, remote, resolve(local)];
  const path = join(directory, `${hexEncode(sha256(utf8Encode(subject.join('\n'))))}.tree`);
  const found = statIfPossible(path);
  const failuresBefore = tally.errors.length;
  return {
    isBegun: found !== undefined && found.mtimeMs > Date.now() - LIMITS.uploadJournalKeepMs,
    begin: () => {
      // Where it cannot be written, the rules of cp(1) hold for the next run too.
      try {
        makeDirectories(directory, 0o700);
        writeFileSync(path, '', { mode: 0o600 });
      } catch {
        // As it was said above.
      }
    },
    end: () => {
      if (tally.errors.length > failuresBefore) return;
      try {
        unlinkSync(path);
      } catch {
        // If it was there, the next run takes the copy for unfinished, and finds all of it.
      }
    },
  };
}

const NOTHING_NOTED: UnfinishedTree = {
  isBegun: false,
  begin: () => {},
  end: () => {},
};

function statIfPossible(path: string): Stats | undefined {
  try {
    return statSync(path, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
}
