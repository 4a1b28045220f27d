import { type BigIntStats, lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { utf8Decode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { compareNames, joinPath, parsePath } from '../format/path.ts';
import { attributesOf, isRegular } from './local-attributes.ts';
import { localError, quote } from './local-error.ts';
import { isPartName } from './part-names.ts';
import type { TreeEntry, TreeFault, TreeItem } from './sync/action.ts';
import type { IsExcluded } from './sync/filter.ts';

const REPLACEMENT_CHARACTER = '\uFFFD';
/** Of UTF-8, for one unit of UTF-16. */
const BYTES_PER_UNIT_MAX = 3;
const SURROGATE = /[\ud800-\udfff]/;

/** A directory on the way down. */
interface Level {
  /** Path below the root of the walk; empty for the root. */
  readonly relative: string;
  readonly names: readonly Name[];
  next: number;
}

/**
 * Everything below the directory `root`, in listing order, without what is excluded and without what
 * unfinished downloads have there. Symbolic links are not followed. What cannot be told is an item too, and the walk goes on; only if `root` cannot be
 * read it throws. `onParts` is told of a directory that has such leftovers before anything in it is yielded. Synchronous, because that is many times faster: for worker threads.
 */
export function* walk(
  root: string,
  isExcluded: IsExcluded = () => false,
  onParts: (directory: string) => void = () => {},
): Generator<TreeItem, void, void> {
  const read = (relative: string): Name[] => {
    return readNames(relative === '' ? root : `${root}/${relative}`, () => onParts(relative));
  };
  const levels: Level[] = [{ relative: '', names: read(''), next: 0 }];
  for (;;) {
    const level = levels.at(-1);
    if (level === undefined) return;
    const name = level.names[level.next];
    if (name === undefined) {
      levels.pop();
      continue;
    }
    level.next += 1;
    const item = inspect(root, level.relative, name);
    if (isExcluded(item)) continue;
    yield item;
    if (item.kind !== 'directory') continue;
    const below = enter(item, read);
    if (below.kind === 'fault') yield below;
    else levels.push({ relative: item.relative, names: below.names, next: 0 });
  }
}

function enter(
  { relative }: TreeEntry,
  read: (relative: string) => readonly Name[],
): TreeFault | { readonly kind: 'names'; readonly names: readonly Name[] } {
  try {
    return { kind: 'names', names: read(relative) };
  } catch (error) {
    return fault(relative, error);
  }
}

interface Name {
  /** With U+FFFD for what is not UTF-8. */
  readonly name: string;
  readonly isUtf8: boolean;
}

/** Names are read as text, which is fast, and as bytes only where the text leaves a doubt. */
function readNames(directory: string, onParts: () => void): Name[] {
  try {
    const all = readdirSync(directory);
    const names = all.filter((name) => !isPartName(name));
    if (names.length < all.length) onParts();
    const isDoubtful = names.some((name) => name.includes(REPLACEMENT_CHARACTER));
    if (!isDoubtful) return sorted(names).map((name) => ({ name, isUtf8: true }));
    return readdirSync(directory, { encoding: 'buffer' })
      .map((bytes) => ({ name: bytes.toString(), isUtf8: isUtf8(bytes) }))
      .filter(({ name }) => !isPartName(name))
      .sort((left, right) => compareNames(left.name, right.name));
  } catch (cause) {
    throw localError('read', directory, cause);
  }
}

/** By their UTF-8 bytes, which is the order of UTF-16 units unless there are surrogates. */
function sorted(names: string[]): string[] {
  return names.some((name) => SURROGATE.test(name)) ? names.sort(compareNames) : names.sort();
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    utf8Decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function inspect(root: string, directory: string, { name, isUtf8 }: Name): TreeItem {
  const relative = joinPath(directory, name);
  const path = `${root}/${relative}`;
  try {
    if (!isUtf8) throw cannotCopy(relative, 'its name is not UTF-8');
    if (mayBeTooLong(name, relative)) parsePath(relative);
    const stats = lstatSync(path, { bigint: true });
    const { mode, mtimeUs } = attributesOf(stats);
    if (isRegular(stats)) {
      return { relative, kind: 'file', size: Number(stats.size), mode, mtimeUs };
    }
    if (stats.isDirectory()) return { relative, kind: 'directory', size: 0, mode, mtimeUs };
    if (!stats.isSymbolicLink()) throw cannotCopy(relative, `it is ${describe(stats)}`);
    const target = readTarget(path, relative);
    return { relative, kind: 'symlink', size: 0, mode, mtimeUs, target };
  } catch (cause) {
    return fault(relative, localError('read', path, cause));
  }
}

/** Nothing else can be wrong with a name that a file system has. */
function mayBeTooLong(name: string, relative: string): boolean {
  return (
    name.length * BYTES_PER_UNIT_MAX > LIMITS.nameBytesMax ||
    relative.length * BYTES_PER_UNIT_MAX > LIMITS.pathBytesMax ||
    relative.length > 2 * LIMITS.pathDepthMax
  );
}

function readTarget(path: string, relative: string): string {
  const target = readlinkSync(path, { encoding: 'buffer' });
  if (!isUtf8(target)) throw cannotCopy(relative, 'its target is not UTF-8');
  return target.toString();
}

function describe(stats: BigIntStats): string {
  if (stats.isFIFO()) return 'a fifo';
  if (stats.isSocket()) return 'a socket';
  return 'a device';
}

function cannotCopy(relative: string, why: string): GdpfsError {
  return new GdpfsError('not_a_file', `cannot copy ${quote(relative)}: ${why}`);
}

function fault(relative: string, error: unknown): TreeFault {
  if (error instanceof GdpfsError) return { kind: 'fault', relative, error };
  throw error;
}
