import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  futimesSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { GdpfsError } from '../base/errors.ts';
import { joinPath, parentPath, parsePath, splitPath } from '../format/path.ts';
import { type LocalAttributes, receivedMode, receivedTime } from './local-attributes.ts';
import { localError, quote, systemCode } from './local-error.ts';
import { findParts, partPrefix, privatePartPath } from './part-names.ts';

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const PART_MODE = 0o600;
/** Until its content is complete, a directory is its owner's alone. */
const DIRECTORY_MODE = 0o700;

/** How often another process may remove a part before it has its name. */
const TAKEN_ROUNDS_MAX = 3;

const NO_PARTS: ReadonlyMap<string, ReadonlySet<string>> = new Map();

/**
 * A local directory that receives a tree whose names may be hostile: nothing is written outside of
 * it, and not through a symbolic link below it. Synchronous: for worker threads.
 *
 * Links and the attributes of directories come last: a link must not lead anything astray, and a
 * read-only directory must not keep its content out.
 */
export class LocalTree {
  readonly #root: string;
  /** Directories known to be real ones. */
  readonly #directories = new Set(['']);
  /** Paths of those that this made: nothing was left behind in them. */
  readonly #made = new Set<string>();
  /** Parts that earlier runs left, by directory and `partPrefix`. */
  readonly #leftovers = new Map<string, ReadonlyMap<string, ReadonlySet<string>>>();

  /** `root` exists. */
  constructor(root: string) {
    this.#root = root;
  }

  /** Makes the directory and its parents where they are missing. */
  makeDirectory(relative: string): void {
    requireRelative(relative);
    let directory = '';
    for (const name of splitPath(relative)) {
      directory = joinPath(directory, name);
      if (this.#directories.has(directory)) continue;
      this.#makeOne(directory);
      this.#directories.add(directory);
    }
  }

  /** Where a file below here is to be written; makes its directory. */
  prepare(relative: string): string {
    requireRelative(relative);
    this.makeDirectory(parentPath(relative));
    return join(this.#root, relative);
  }

  /** Creates or replaces a file, whole or not at all. Not synced to the disk. */
  writeFile(relative: string, data: Uint8Array, attributes: LocalAttributes): void {
    this.#replace(this.prepare(relative), (part) => writePart(part, data, attributes));
  }

  /** Creates or replaces a link. */
  writeLink(relative: string, target: string, attributes: LocalAttributes): void {
    const time = receivedTime(attributes);
    this.#replace(this.prepare(relative), (part) => {
      symlinkSync(target, part);
      lutimesSync(part, time, time);
    });
  }

  finishDirectory(relative: string, attributes: LocalAttributes): void {
    const path = join(this.#root, relative);
    const time = receivedTime(attributes);
    try {
      chmodSync(path, receivedMode(attributes));
      utimesSync(path, time, time);
    } catch (cause) {
      throw localError('set the attributes of', path, cause);
    }
  }

  /** Lets `write` make a part that nobody else works on, and gives it the name `path`. */
  #replace(path: string, write: (part: string) => void): void {
    for (let round = 0; ; round += 1) {
      const part = privatePartPath(path);
      try {
        write(part);
        renameSync(part, path);
        break;
      } catch (cause) {
        rmSync(part, { force: true });
        // Whoever finishes the same file takes a part of it for one that was left behind.
        const isTaken = systemCode(cause) === 'ENOENT' && round < TAKEN_ROUNDS_MAX;
        if (!isTaken) throw localError('create', path, cause);
      }
    }
    this.#removeLeftovers(path);
  }

  /** What unfinished downloads of `path` left; each directory is read once. */
  #removeLeftovers(path: string): void {
    const directory = dirname(path);
    let parts = this.#leftovers.get(directory);
    if (parts === undefined) {
      parts = this.#made.has(directory) ? NO_PARTS : partsIn(directory);
      this.#leftovers.set(directory, parts);
    }
    if (parts.size === 0) return;
    for (const name of parts.get(partPrefix(path)) ?? []) {
      rmSync(join(directory, name), { force: true });
    }
  }

  #makeOne(directory: string): void {
    const path = join(this.#root, directory);
    try {
      mkdirSync(path, DIRECTORY_MODE);
      this.#made.add(path);
    } catch (cause) {
      if (systemCode(cause) !== 'EEXIST') throw localError('create', path, cause);
      if (lstatSync(path).isDirectory()) return;
      throw new GdpfsError(
        'not_a_directory',
        `cannot create ${quote(path)}: something else is there, need a directory`,
      );
    }
  }
}

/** Throws `bad_request` for a name that no listing can have: absolute, with `..`, with NUL. */
function requireRelative(relative: string): void {
  if (parsePath(relative) === relative) return;
  throw new GdpfsError('bad_request', `cannot write ${quote(relative)}: need a relative path`);
}

function partsIn(directory: string): ReadonlyMap<string, ReadonlySet<string>> {
  try {
    return findParts(directory);
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause;
    // A directory that cannot be read can still be written to.
    return NO_PARTS;
  }
}

function writePart(part: string, data: Uint8Array, attributes: LocalAttributes): void {
  const file = openSync(part, NEW_FILE, PART_MODE);
  const time = receivedTime(attributes);
  try {
    let length = 0;
    while (length < data.length) length += writeSync(file, data, length);
    fchmodSync(file, receivedMode(attributes));
    futimesSync(file, time, time);
  } finally {
    closeSync(file);
  }
}
