import { rm, stat, writeFile } from 'node:fs/promises';
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
  begin(): Promise<void>;
  /** To be called behind it. The note stays if something failed: then the command is to go on. */
  end(): Promise<void>;
}

/** `directory` is where journals are kept; without one nothing is noted. */
export async function findUnfinishedTree(
  directory: string | undefined,
  { direction, local, server, path: remote }: TreeCopy,
  tally: Tally,
): Promise<UnfinishedTree> {
  if (directory === undefined) return NOTHING_NOTED;
  const subject = ['gdpfs unfinished tree 1', direction, server, remote, resolve(local)];
  const path = join(directory, `${hexEncode(sha256(utf8Encode(subject.join('\n'))))}.tree`);
  const found = await stat(path).catch(() => undefined);
  const failuresBefore = tally.errors.length;
  return {
    isBegun: found !== undefined && found.mtimeMs > Date.now() - LIMITS.uploadJournalKeepMs,
    begin: async () => {
      // Where it cannot be written, the rules of cp(1) hold for the next run too.
      try {
        makeDirectories(directory, 0o700);
        await writeFile(path, '', { mode: 0o600 });
      } catch {
        // As it was said above.
      }
    },
    end: async () => {
      if (tally.errors.length === failuresBefore) await rm(path, { force: true }).catch(() => {});
    },
  };
}

const NOTHING_NOTED: UnfinishedTree = {
  isBegun: false,
  begin: async () => {},
  end: async () => {},
};
