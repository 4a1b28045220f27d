/**
 * Changes of a model volume before it is known what they will find: paths are picked when a change is
 * made, so that most changes find something.
 */
import { compareNames, joinPath } from '../../src/format/path.ts';
import type { Moment } from '../../src/fs/types.ts';
import type { ModelContent, ModelEntry } from './model-nodes.ts';
import type { ModelChange, ModelTree } from './model-tree.ts';

/** A state of the volume that was acknowledged, and how to ask for it. */
export interface Past {
  readonly tree: ModelTree;
  readonly seq: number;
  readonly timeMs: number;
}

/** Of an entry what it takes to pick it. */
type NamedEntry = { readonly [Key in 'path' | 'kind']: ModelEntry[Key] };

/** What is in a tree, whatever keeps it. */
export interface Named {
  entries(): readonly NamedEntry[];
}

/** The volume now, and what it has been. */
export interface State {
  readonly tree: Named;
  readonly past: readonly { readonly tree: Named }[];
}

/** A path that is known only when the command runs: most changes shall find something. */
export type Pick =
  | { readonly literal: string }
  /** The path of some entry. */
  | { readonly entry: number }
  /** A name in some directory. */
  | { readonly directory: number; readonly name: string };

export type Picked<T> = T extends { readonly path: string }
  ? Omit<T, 'path' | 'to'> & { readonly path: Pick } & (T extends { readonly to: string }
        ? { readonly to: Pick }
        : unknown)
  : never;

/** Where an extension begins: at the end, so many bytes behind it, or at or in the n-th live chunk. */
export type Where =
  | { readonly behindEnd: number }
  | { readonly chunk: number; readonly inside: boolean };

export interface Extension {
  readonly path: Pick;
  readonly where: Where;
  /** '' for a record of length 0. */
  readonly text: string;
  /** The condition names another content. */
  readonly isStale: boolean;
}

export function inOrder<Entry extends NamedEntry>(tree: { entries(): readonly Entry[] }): Entry[] {
  return tree.entries().toSorted((left, right) => comparePaths(left.path, right.path));
}

/** Depth first, a directory before its content, names in the order of their bytes. */
function comparePaths(left: string, right: string): number {
  const rights = right.split('/');
  const lefts = left.split('/');
  for (const [index, name] of lefts.entries()) {
    const order = compareNames(name, rights[index] ?? '');
    if (order !== 0) return order;
  }
  return lefts.length - rights.length;
}

export function resolvePick(tree: Named, pick: Pick): string {
  if ('literal' in pick) return pick.literal;
  const entries = inOrder(tree);
  if ('entry' in pick) return entries[pick.entry % Math.max(1, entries.length)]?.path ?? 'a';
  const directories = entries.filter(({ kind }) => kind === 'directory').map(({ path }) => path);
  const directory = ['', ...directories][pick.directory % (directories.length + 1)] ?? '';
  return joinPath(directory, pick.name);
}

/** Paths in the volume as it is now, or was at the moment that the change names. */
export function resolveChange({ tree, past }: State, change: Picked<ModelChange>): ModelChange {
  const to = 'to' in change ? { to: resolvePick(tree, change.to) } : {};
  const picked = 'at' in change ? change.at?.state : undefined;
  const state = picked === undefined ? undefined : picked % past.length;
  const at = state === undefined ? {} : { at: { state } };
  const source = state === undefined ? tree : (past[state]?.tree ?? tree);
  return { ...change, path: resolvePick(source, change.path), ...to, ...at } as ModelChange;
}

export function offsetOf({ size, chunks }: ModelContent, where: Where): number {
  if ('behindEnd' in where) return size + where.behindEnd;
  const chunk = chunks[where.chunk % Math.max(1, chunks.length)];
  if (chunk === undefined) return 0;
  return chunk.offset + (where.inside ? Math.ceil(chunk.text.length / 2) : 0);
}

/** Both ways of asking for a state: by its number, and by a time at which nothing newer was there. */
export function momentOf({ seq, timeMs }: Past): Moment {
  return seq % 2 === 0 ? { kind: 'seq', seq } : { kind: 'time', timeMs: timeMs + 5 };
}
