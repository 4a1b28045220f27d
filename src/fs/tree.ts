import type { ErrorOptions, GdpfsError } from '../base/errors.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import { baseName, joinPath, parentPath, splitPath } from '../format/path.ts';
import { ROOT_NODE } from '../format/tree-fold.ts';
import type { BriefRow, EntryRow, EntryTable } from './entry-table.ts';
import type { ListOptions } from './types.ts';
import { type NamePath, PathError } from './path-error.ts';

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

/** Fewer names of one directory are looked up one by one. */
const RUN_NAMES_MIN = 4;

/** What stands at those of `paths`, relative to a directory, where there is something. */
export function lookupAll(view: View, directory: number, paths: readonly string[]): Walked[] {
  // Neighbors share their directories.
  const known = new Map<string, EntryRow | undefined>();
  const nodeOf = (path: string): number | undefined => {
    if (path === '') return directory;
    if (!known.has(path)) {
      const parent = nodeOf(parentPath(path));
      known.set(path, parent === undefined ? undefined : lookup(view, parent, baseName(path)));
    }
    const row = known.get(path);
    return row?.kind === NodeKind.DIRECTORY ? row.node : undefined;
  };
  const found: Walked[] = [];
  for (let start = 0; start < paths.length; ) {
    const parentOfRun = parentPath(paths[start] ?? '');
    let end = start + 1;
    while (end < paths.length && parentPath(paths[end] ?? '') === parentOfRun) end += 1;
    const run = paths.slice(start, end);
    start = end;
    const parent = nodeOf(parentOfRun);
    if (parent === undefined) continue;
    const rows = lookupRun(view, parent, run.map(baseName));
    for (const [index, path] of run.entries()) {
      const row = rows[index];
      if (row !== undefined) found.push({ path, row });
    }
  }
  return found;
}

/**
 * The entries of one directory with these names. Who copies a tree asks for names that follow each
 * other: those are read with one question, which takes a third of the time of one for each.
 */
function lookupRun(
  view: View,
  parent: number,
  names: readonly string[],
): readonly (EntryRow | undefined)[] {
  const { volume, at } = view;
  const [first] = names;
  if (first === undefined || names.length < RUN_NAMES_MIN) {
    return names.map((name) => lookup(view, parent, name));
  }
  const behind = view.entries.children({ volume, parent, name: first }, names.length - 1, at);
  const known = new Map(behind.map((row) => [row.name, row]));
  return names.map((name) => known.get(name) ?? lookup(view, parent, name));
}

/** An entry with its path relative to where a walk began. */
export interface Walked<Row = EntryRow> {
  readonly path: string;
  readonly row: Row;
}

/** Where a listing begins and how long it may be. */
export interface WalkPage {
  /** From behind this path on, which need not exist any more. */
  readonly after: string;
  readonly limit: number;
}

export type NamedRow = Pick<EntryRow, 'name' | 'node' | 'kind'>;

/** Reads children of a directory behind a name. */
export type ReadChildren<Row> = (directory: number, page: WalkPage) => readonly Row[];

/** Children with all that is known of them. */
export function wholeRows(view: View): ReadChildren<EntryRow> {
  return (parent, { after, limit }) =>
    view.entries.children({ volume: view.volume, parent, name: after }, limit, view.at);
}

/** Children with what a long listing tells of them. */
export function briefRows(view: View): ReadChildren<BriefRow> {
  return (parent, { after, limit }) =>
    view.entries.briefChildren({ volume: view.volume, parent, name: after }, limit, view.at);
}

/** A page of what is below a directory. */
export function walkPage<Row extends NamedRow>(
  view: View,
  directory: number,
  options: Omit<ListOptions, 'at' | 'rights'> & { readonly read: ReadChildren<Row> },
): { readonly found: Walked<Row>[]; readonly next?: string } {
  const { recursive, after = '', limit, read } = options;
  // One more than the page holds says whether anything follows.
  const page = { after, limit: limit + 1, read };
  const found = recursive
    ? listRecursive(view, directory, page)
    : page.read(directory, page).map((row) => ({ path: row.name, row }));
  const last = found.length > limit ? found[limit - 1] : undefined;
  return { found: found.slice(0, limit), ...(last === undefined ? {} : { next: last.path }) };
}

/** A directory on the way down: what was fetched of it, and behind which name to go on. */
interface Level<Row> {
  readonly node: number;
  readonly path: string;
  after: string;
  rows: readonly Row[];
  next: number;
}

/** Rows that one query of a recursive walk fetches: with the depth, the bound of its memory. */
const WALK_ROWS = 256;

/**
 * Everything below a directory, depth first, a directory before its content, names in byte order.
 */
export function listRecursive<Row extends NamedRow>(
  view: View,
  directory: number,
  page: WalkPage & { readonly read: ReadChildren<Row> },
): Walked<Row>[] {
  const { read } = page;
  const stack = resumeLevels<Row>(view, directory, page.after);
  const found: Walked<Row>[] = [];
  while (found.length < page.limit) {
    const level = stack.at(-1);
    if (level === undefined) break;
    const row = nextRow(read, level);
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

function newLevel<Row>(node: number, path: string): Level<Row> {
  return { node, path, after: '', rows: [], next: 0 };
}

function nextRow<Row extends NamedRow>(
  read: ReadChildren<Row>,
  level: Level<Row>,
): Row | undefined {
  if (level.next === level.rows.length) {
    level.rows = read(level.node, { after: level.after, limit: WALK_ROWS });
    level.next = 0;
  }
  const row = level.rows[level.next];
  if (row === undefined) return undefined;
  level.next += 1;
  level.after = row.name;
  return row;
}

/** The levels of a walk that has just passed `after`. */
function resumeLevels<Row>(view: View, directory: number, after: string): Level<Row>[] {
  const levels = [newLevel<Row>(directory, '')];
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

/** Where a node is; undefined if no path leads to it. */
export function pathOfNode({ entries, volume, at }: View, node: number): string | undefined {
  let path = '';
  for (let above = node; above !== ROOT_NODE; ) {
    const row = entries.placeOf(volume, above, at);
    if (row === undefined) return undefined;
    path = path === '' ? row.name : joinPath(row.name, path);
    above = row.parent;
  }
  return path;
}

export function notFound(path: string, missing: string): GdpfsError {
  return new PathError('not_found', (name) => {
    const what = missing === path ? 'it' : name(missing);
    return `cannot find ${name(path)}: ${what} does not exist`;
  });
}

export function notADirectory(path: string, blocking: string): GdpfsError {
  return new PathError('not_a_directory', (name) =>
    blocking === path
      ? `cannot use ${name(path)} as a directory: it is not one`
      : `cannot find ${name(path)}: ${name(blocking)} is not a directory`,
  );
}

/** `verb` is what was tried. */
export function isADirectory(verb: string, path: string, options: ErrorOptions = {}): GdpfsError {
  const say = (name: NamePath): string => `cannot ${verb} ${name(path)}: it is a directory`;
  return new PathError('is_a_directory', say, options);
}
