import { GdpfsError } from '../base/errors.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import { baseName, joinPath, parentPath, splitPath } from '../format/path.ts';
import { ROOT_NODE } from '../format/tree-fold.ts';
import type { EntryRow, EntryTable } from './entry-table.ts';

/** A volume's tree at a moment: `at` is a count of records, undefined means now. */
export interface View {
  readonly entries: EntryTable;
  /** Index id of the volume. */
  readonly volume: number;
  readonly at?: number;
}

/** Where a path leads: its directory, its last name, and what stands there. */
export interface Resolved {
  readonly parent: number;
  /** Empty for the root directory. */
  readonly name: string;
  readonly row: EntryRow | undefined;
}

/**
 * Follows `path`. Throws `not_found` if a directory on the way is missing and `not_a_directory` if
 * one is something else; symbolic links are never followed.
 */
export function resolve(view: View, path: string): Resolved {
  const names = splitPath(path);
  const name = names.pop();
  if (name === undefined) return { parent: ROOT_NODE, name: '', row: undefined };
  let parent = ROOT_NODE;
  let walked = '';
  for (const step of names) {
    walked = joinPath(walked, step);
    const row = lookup(view, parent, step);
    if (row === undefined) throw notFound(path, walked);
    if (row.kind !== NodeKind.DIRECTORY) throw notADirectory(path, walked);
    parent = row.node;
  }
  return { parent, name, row: lookup(view, parent, name) };
}

function lookup(view: View, parent: number, name: string): EntryRow | undefined {
  return view.entries.byName({ volume: view.volume, parent, name }, view.at);
}

/** What stands at those of `paths`, relative to a directory, where there is something. */
export function lookupAll(view: View, directory: number, paths: readonly string[]): Walked[] {
  // Neighbors share their directories.
  const known = new Map<string, EntryRow | undefined>();
  const find = (path: string): EntryRow | undefined => {
    const parent = parentPath(path);
    const name = baseName(path);
    if (parent === '') return lookup(view, directory, name);
    if (!known.has(parent)) known.set(parent, find(parent));
    const row = known.get(parent);
    return row?.kind === NodeKind.DIRECTORY ? lookup(view, row.node, name) : undefined;
  };
  return paths.flatMap((path) => {
    const row = find(path);
    return row === undefined ? [] : [{ path, row }];
  });
}

/** An entry with its path relative to where a walk began. */
export interface Walked {
  readonly path: string;
  readonly row: EntryRow;
}

/** The children of a directory behind the name `after`, at most `limit`. */
export function listChildren(
  view: View,
  directory: number,
  page: { readonly after: string; readonly limit: number },
): Walked[] {
  const place = { volume: view.volume, parent: directory, name: page.after };
  return view.entries.children(place, page.limit, view.at).map((row) => ({ path: row.name, row }));
}

/** A directory on the way down: what was fetched of it, and behind which name to go on. */
interface Level {
  readonly node: number;
  readonly path: string;
  after: string;
  rows: readonly EntryRow[];
  next: number;
}

/** Rows that one query of a recursive walk fetches: with the depth, the bound of its memory. */
const WALK_ROWS = 256;

/**
 * Everything below a directory, depth first, a directory before its content, names in byte order;
 * from behind the path `after` on, which need not exist any more. At most `limit` entries.
 */
export function listRecursive(
  view: View,
  directory: number,
  page: { readonly after: string; readonly limit: number },
): Walked[] {
  const stack = resumeLevels(view, directory, page.after);
  const found: Walked[] = [];
  while (found.length < page.limit) {
    const level = stack.at(-1);
    if (level === undefined) break;
    const row = nextRow(view, level);
    if (row === undefined) {
      stack.pop();
      continue;
    }
    const path = joinPath(level.path, row.name);
    found.push({ path, row });
    if (row.kind === NodeKind.DIRECTORY) stack.push(newLevel(row.node, path));
  }
  return found;
}

function newLevel(node: number, path: string): Level {
  return { node, path, after: '', rows: [], next: 0 };
}

function nextRow(view: View, level: Level): EntryRow | undefined {
  if (level.next === level.rows.length) {
    const place = { volume: view.volume, parent: level.node, name: level.after };
    level.rows = view.entries.children(place, WALK_ROWS, view.at);
    level.next = 0;
  }
  const row = level.rows[level.next];
  if (row === undefined) return undefined;
  level.next += 1;
  level.after = row.name;
  return row;
}

/** The levels of a walk that has just passed `after`. */
function resumeLevels(view: View, directory: number, after: string): Level[] {
  const levels = [newLevel(directory, '')];
  for (const name of splitPath(after)) {
    const level = levels.at(-1);
    if (level === undefined) break;
    level.after = name;
    const row = lookup(view, level.node, name);
    if (row?.kind !== NodeKind.DIRECTORY) break;
    levels.push(newLevel(row.node, joinPath(level.path, name)));
  }
  return levels;
}

export function notFound(path: string, missing: string): GdpfsError {
  const what = missing === path ? 'it does not exist' : `"${missing}" does not exist`;
  return new GdpfsError('not_found', `cannot find "${path}": ${what}`);
}

export function notADirectory(path: string, blocking: string): GdpfsError {
  return new GdpfsError(
    'not_a_directory',
    blocking === path
      ? `cannot use "${path}" as a directory: it is not one`
      : `cannot find "${path}": "${blocking}" is not a directory`,
  );
}
