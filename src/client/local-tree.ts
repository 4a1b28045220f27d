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
import { join } from 'node:path';
import { GdpfsError } from '../base/errors.ts';
import { joinPath, parentPath, parsePath, splitPath } from '../format/path.ts';
import { type LocalAttributes, receivedMode, receivedTime } from './local-attributes.ts';
import { localError, quote, systemCode } from './local-error.ts';
import { partPath } from './part-file.ts';

const NEW_FILE = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW;
const PART_MODE = 0o600;
/** Until its content is complete, a directory is its owner's alone. */
const DIRECTORY_MODE = 0o700;

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
    const path = this.prepare(relative);
    const part = partPath(path);
    try {
      writePart(part, data, attributes);
      renameSync(part, path);
    } catch (cause) {
      rmSync(part, { force: true });
      throw localError('create', path, cause);
    }
  }

  /** Creates or replaces a link. */
  writeLink(relative: string, target: string, attributes: LocalAttributes): void {
    const path = this.prepare(relative);
    const part = partPath(path);
    const time = receivedTime(attributes);
    try {
      rmSync(part, { force: true });
      symlinkSync(target, part);
      lutimesSync(part, time, time);
      renameSync(part, path);
    } catch (cause) {
      rmSync(part, { force: true });
      throw localError('create', path, cause);
    }
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

  #makeOne(directory: string): void {
    const path = join(this.#root, directory);
    try {
      mkdirSync(path, DIRECTORY_MODE);
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

/** What an earlier run left behind under the same name is thrown away. */
function writePart(part: string, data: Uint8Array, attributes: LocalAttributes): void {
  let file: number;
  try {
    file = openSync(part, NEW_FILE, PART_MODE);
  } catch (cause) {
    if (systemCode(cause) !== 'EEXIST') throw cause;
    rmSync(part, { force: true });
    file = openSync(part, NEW_FILE, PART_MODE);
  }
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
