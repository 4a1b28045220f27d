import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  futimesSync,
  lstatSync,
  lutimesSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeSync,
} from 'node:fs';
import { GdpfsError } from '../base/errors.ts';
import { systemCode } from '../base/system-error.ts';
import { baseName, joinPath, parentPath, parsePath, splitPath } from '../format/path.ts';
import {
  attributesOf,
  type LocalAttributes,
  RECEIVED_MODE_MASK,
  receivedMode,
  receivedTime,
} from './local-attributes.ts';
import { localError, quote } from './local-error.ts';
import { LocalNames } from './local-names.ts';
import { removeLocal } from './local-removal.ts';
import { foldsNames } from './name-folding.ts';
import { findParts, partPrefix, privatePartPath } from './part-names.ts';

const { O_CREAT, O_EXCL, O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;
const NEW_FILE = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
const OLD_FILE = O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY;
const PART_MODE = 0o600;
const MODE_MASK = 0o7777;
/** Until its content is complete, a directory is its owner's alone. */
const DIRECTORY_MODE = 0o700;

/** How often another process may remove a part before it has its name. */
const TAKEN_ROUNDS_MAX = 3;
/** Stands for all small files of a directory: they are written one after the other. */
const SMALL = '.gdpfs-small';
const NO_PARTS: ReadonlyMap<string, ReadonlySet<string>> = new Map();

/** A real directory below the root, until it is finished. */
interface KnownDirectory {
  readonly relative: string;
  readonly path: string;
  /** Path of the part that a small file, or a link, has before it gets its name. */
  readonly part: string;
  readonly names: LocalNames;
  /** As it was before anything was done in it; undefined if it is new. */
  readonly before: LocalAttributes | undefined;
  /** Files that were made with this mode had it: neither umask(2) nor a default ACL is in the way. */
  exactMode?: number;
  /** What earlier, unfinished downloads left, by `partPrefix`; undefined until something is written. */
  leftovers?: ReadonlyMap<string, ReadonlySet<string>>;
}

/**
 * A local directory that receives a tree whose names may be hostile: nothing is written outside of
 * it, and not through a symbolic link below it; no entry takes the place of another whose name only
 * the file system takes for the same. Synchronous: for worker threads.
 *
 * The attributes of a directory come when its content is complete: a read-only directory must not
 * keep its content out.
 */
export class LocalTree {
  readonly #root: string;
  readonly #folds: boolean;
  readonly #directories = new Map<string, KnownDirectory>();
  /**
   * Directories, relative, that have leftovers, of those that were there and come next; undefined if each
   * must be looked at.
   */
  partsIn: ReadonlySet<string> | undefined;

  /** `root` exists. `folds` says whether its file system takes some different names for one. */
  constructor(root: string, folds: (root: string) => boolean = foldsNames) {
    this.#root = root;
    this.#folds = folds(root);
    this.#know('', attributesOf(statSync(root, { bigint: true })));
  }

  /** Makes the directory and its parents where they are missing. */
  makeDirectory(relative: string): void {
    requireBelow(relative);
    this.#enter(relative);
  }

  /** Where a file below here is to be written; makes its directory. */
  prepare(relative: string): string {
    requireBelow(relative);
    const directory = this.#enter(parentPath(relative));
    this.#touch(directory);
    const name = baseName(relative);
    directory.names.claim(name);
    return `${directory.path}/${name}`;
  }

  /** Creates or replaces a file, whole or not at all. Not synced to the disk. */
  writeFile(relative: string, data: Uint8Array, attributes: LocalAttributes): void {
    this.#replace(relative, (part, directory) => writePart(part, data, attributes, directory));
  }

  /** Creates or replaces a link. */
  writeLink(relative: string, target: string, attributes: LocalAttributes): void {
    const time = receivedTime(attributes);
    this.#replace(relative, (part) => {
      symlinkSync(target, part);
      lutimesSync(part, time, time);
    });
  }

  /**
   * The content of a file of `size` bytes, in the front of `scratch`, and its attributes; undefined
   * for what is no such file, or cannot be read.
   */
  readFile(
    relative: string,
    size: number,
    scratch: Uint8Array,
  ): { readonly data: Uint8Array; readonly attributes: LocalAttributes } | undefined {
    requireBelow(relative);
    const { path, names } = this.#enter(parentPath(relative));
    const name = baseName(relative);
    names.claim(name);
    try {
      return readWhole(`${path}/${name}`, size, scratch);
    } catch (cause) {
      if (systemCode(cause) === undefined) throw cause;
      return undefined;
    }
  }

  /** Of a file that is there. */
  setAttributes(relative: string, attributes: LocalAttributes): void {
    requireBelow(relative);
    const path = `${this.#enter(parentPath(relative)).path}/${baseName(relative)}`;
    try {
      if (!lstatSync(path).isFile()) {
        throw new GdpfsError('not_a_file', `cannot set the attributes of ${quote(path)}: no file`);
      }
      setOfPath(path, receivedMode(attributes), attributes);
    } catch (cause) {
      throw localError('set the attributes of', path, cause);
    }
  }

  /** Removes what is there, with everything below it; links are not followed. */
  remove(relative: string): void {
    requireBelow(relative);
    const parent = parentPath(relative);
    if (!this.#directories.has(parent) && !isThere(`${this.#root}/${parent}`)) return;
    const directory = this.#enter(parent);
    this.#touch(directory);
    const path = `${directory.path}/${baseName(relative)}`;
    for (const known of this.#directories.keys()) {
      if (known === relative || known.startsWith(`${relative}/`)) this.#directories.delete(known);
    }
    try {
      removeLocal(path);
    } catch (cause) {
      throw localError('remove', path, cause);
    }
    directory.names.free(baseName(relative));
  }

  /**
   * The content of the directory is complete: it gets its attributes, or, without any, those back
   * that it had before. One that could not be made is none.
   */
  finishDirectory(relative: string, attributes?: LocalAttributes): void {
    const known = this.#directories.get(relative);
    if (known === undefined) return;
    this.#directories.delete(relative);
    const { path, before, leftovers } = known;
    try {
      if (attributes !== undefined && relative === '') setOfRoot(path, attributes);
      else if (attributes !== undefined) setOfPath(path, receivedMode(attributes), attributes);
      else if (before !== undefined && leftovers !== undefined) {
        setOfPath(path, before.mode, before);
      }
    } catch (cause) {
      throw localError('set the attributes of', path, cause);
    }
  }

  /** A real directory, made where it is missing. */
  #enter(relative: string): KnownDirectory {
    const known = this.#directories.get(relative);
    if (known !== undefined) return known;
    if (relative === '')
      return this.#know('', attributesOf(statSync(this.#root, { bigint: true })));
    let directory = this.#enter('');
    let walked = '';
    for (const name of splitPath(relative)) {
      walked = joinPath(walked, name);
      directory = this.#directories.get(walked) ?? this.#makeOne(directory, walked);
    }
    return directory;
  }

  #makeOne(parent: KnownDirectory, relative: string): KnownDirectory {
    const name = baseName(relative);
    const path = `${parent.path}/${name}`;
    parent.names.claim(name);
    try {
      const stats = lstatSync(path, { bigint: true, throwIfNoEntry: false });
      if (stats?.isDirectory()) return this.#know(relative, attributesOf(stats));
      if (stats === undefined) {
        this.#touch(parent);
        mkdirSync(path, DIRECTORY_MODE);
        return this.#know(relative, undefined);
      }
    } catch (cause) {
      throw localError('create', path, cause);
    }
    throw new GdpfsError(
      'not_a_directory',
      `cannot create ${quote(path)}: something else is there, need a directory`,
    );
  }

  #know(relative: string, before: LocalAttributes | undefined): KnownDirectory {
    const path = relative === '' ? this.#root : `${this.#root}/${relative}`;
    const known: KnownDirectory = {
      relative,
      path,
      part: privatePartPath(`${path}/${SMALL}`),
      names: new LocalNames(path, { folds: this.#folds }),
      before,
      ...(before === undefined ? { leftovers: NO_PARTS } : {}),
    };
    this.#directories.set(relative, known);
    return known;
  }

  /** Something is about to be written in the directory. */
  #touch(directory: KnownDirectory): void {
    const { relative, path, before, leftovers } = directory;
    if (before === undefined || leftovers !== undefined) return;
    // The root is the user's own: whether it may be written in is not decided here.
    if (path !== this.#root) openForOwner(path, before);
    const isClean = this.partsIn?.has(relative) === false;
    directory.leftovers = isClean ? NO_PARTS : partsOf(path);
    removeParts(directory, SMALL);
  }

  /** Lets `write` make a part that nobody else works on, and gives it its name. */
  #replace(relative: string, write: (part: string, directory: KnownDirectory) => void): void {
    const path = this.prepare(relative);
    const directory = this.#enter(parentPath(relative));
    const { part } = directory;
    for (let round = 0; ; round += 1) {
      try {
        write(part, directory);
        renameSync(part, path);
        break;
      } catch (cause) {
        rmSync(part, { force: true });
        // Whoever begins to write in the directory takes a part of ours for one that was left behind.
        const isTaken = systemCode(cause) === 'ENOENT' && round < TAKEN_ROUNDS_MAX;
        if (!isTaken) throw localError('create', path, cause);
      }
    }
    removeParts(directory, baseName(relative));
  }
}

/** Throws `bad_request` for a name that no listing can have: absolute, with `..`, with NUL, or none. */
function requireBelow(relative: string): void {
  if (relative !== '' && parsePath(relative) === relative) return;
  throw new GdpfsError('bad_request', `cannot write ${quote(relative)}: need a relative path`);
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** So that its owner can write in it; if that is forbidden too, what is written says so. */
function openForOwner(path: string, { mode }: LocalAttributes): void {
  if ((mode & DIRECTORY_MODE) === DIRECTORY_MODE) return;
  try {
    chmodSync(path, mode | DIRECTORY_MODE);
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause;
  }
}

function partsOf(directory: string): ReadonlyMap<string, ReadonlySet<string>> {
  try {
    return findParts(directory);
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause;
    // A directory that cannot be read can still be written to.
    return NO_PARTS;
  }
}

/** What unfinished downloads of a target that is finished, or begins again, left. */
function removeParts({ path, leftovers = NO_PARTS }: KnownDirectory, target: string): void {
  if (leftovers.size === 0) return;
  for (const name of leftovers.get(partPrefix(target)) ?? []) {
    rmSync(`${path}/${name}`, { force: true });
  }
}

function readWhole(
  path: string,
  size: number,
  scratch: Uint8Array,
): { readonly data: Uint8Array; readonly attributes: LocalAttributes } | undefined {
  const file = openSync(path, OLD_FILE);
  try {
    const stats = fstatSync(file, { bigint: true });
    if (!stats.isFile() || Number(stats.size) !== size) return undefined;
    let length = 0;
    while (length < size) {
      const count = readSync(file, scratch, length, size - length, length);
      if (count === 0) return undefined;
      length += count;
    }
    return { data: scratch.subarray(0, size), attributes: attributesOf(stats) };
  } finally {
    closeSync(file);
  }
}

function writePart(
  part: string,
  data: Uint8Array,
  attributes: LocalAttributes,
  directory: KnownDirectory,
): void {
  const mode = receivedMode(attributes);
  // Not so one that its owner may not write: some network file systems would not let us either.
  const isMadeSo = (mode & PART_MODE) === PART_MODE;
  const file = openSync(part, NEW_FILE, isMadeSo ? mode : PART_MODE);
  const time = receivedTime(attributes);
  try {
    let length = 0;
    while (length < data.length) length += writeSync(file, data, length);
    if (!isMadeSo) fchmodSync(file, mode);
    else if (directory.exactMode !== mode) {
      if ((fstatSync(file).mode & MODE_MASK) === mode) directory.exactMode = mode;
      else fchmodSync(file, mode);
    }
    futimesSync(file, time, time);
  } finally {
    closeSync(file);
  }
}

/** What is the user's own is touched no more than it must be: others may own it, or have set more bits. */
function setOfRoot(path: string, attributes: LocalAttributes): void {
  const { mode, mtimeUs } = attributesOf(statSync(path, { bigint: true }));
  const wanted = receivedMode(attributes);
  const time = receivedTime(attributes);
  if ((mode & RECEIVED_MODE_MASK) !== wanted) chmodSync(path, wanted);
  if (mtimeUs !== attributes.mtimeUs) utimesSync(path, time, time);
}

function setOfPath(path: string, mode: number, attributes: LocalAttributes): void {
  const time = receivedTime(attributes);
  chmodSync(path, mode);
  utimesSync(path, time, time);
}
