import { bytesEqual } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import { parseLinkTarget } from '../format/dentry.ts';
import { checkExtent, extentFault, extentOf, joinPath } from '../format/path.ts';
import { isBelow, isInTree, ROOT_NODE } from '../format/tree-fold.ts';
import type { EntryRow } from './entry-table.ts';
import { checkPrecondition, type PlacedFields, type Planner, sameContent } from './planner.ts';
import { PathError } from './path-error.ts';
import type { PreparedFile } from './prepare.ts';
import {
  isADirectory,
  listRecursive,
  notADirectory,
  notFound,
  type Resolved,
  resolve,
  type View,
  wholeRows,
} from './tree.ts';
import type { Change } from './types.ts';

/** A change whose file logs have been folded and whose moments are counts of records. */
export type PreparedChange =
  | Exclude<Change, { kind: 'put' | 'extend' | 'copy' | 'restore' | 'many' }>
  | (Extract<Change, { kind: 'put' | 'extend' }> & { readonly prepared: PreparedFile })
  | (Extract<Change, { kind: 'copy' }> & { readonly atCount?: number })
  | (Extract<Change, { kind: 'restore' }> & {
      readonly atCount?: number;
      /** What was removed comes back as a copy. */
      readonly asCopy: boolean;
    })
  | { readonly kind: 'many'; readonly changes: readonly PreparedChange[] };

type Kind<K extends PreparedChange['kind']> = Extract<PreparedChange, { kind: K }>;

/** Appends the dentries that make `change`, or throws what POSIX would say (as codes). */
export function planChange(planner: Planner, change: PreparedChange): void {
  switch (change.kind) {
    case 'mkdir':
      return planMkdir(planner, change);
    case 'symlink':
      return planSymlink(planner, change);
    case 'put':
      return planPut(planner, change);
    case 'extend':
      return planExtend(planner, change);
    case 'rename':
      return planRename(planner, change);
    case 'copy':
      return planCopy(planner, change);
    case 'remove':
      return planRemove(planner, change);
    case 'set': {
      const row = planner.existing(change.path);
      checkPrecondition(change.path, row, change.precondition);
      return planner.append(planner.sameNode(row, change.attributes));
    }
    case 'restore':
      return planRestore(planner, change);
    case 'many':
      for (const one of change.changes) planChange(planner, one);
  }
}

function planMkdir(planner: Planner, change: Kind<'mkdir'>): void {
  const { path, parents } = change;
  const resolved = planner.resolve(path, parents);
  const isDirectory = path === '' || resolved.row?.kind === NodeKind.DIRECTORY;
  if (parents === true && isDirectory) {
    const row = resolved.row;
    planner.node = row?.node ?? ROOT_NODE;
    const hasAttributes = change.mode !== undefined || change.mtimeUs !== undefined;
    if (row !== undefined && hasAttributes) planner.append(planner.sameNode(row, change));
    return;
  }
  if (parents === true && resolved.row !== undefined) throw notADirectory(path, path);
  if (path === '' || resolved.row !== undefined) {
    throw new PathError('exists', (name) => `cannot create directory ${name(path)}: it exists`);
  }
  planner.append({
    ...planner.newNode(resolved, 'directory', change),
    kind: NodeKind.DIRECTORY,
  });
  planner.knowDirectory(path);
  planner.grow({ bytes: 0, entries: 1 });
}

function planSymlink(planner: Planner, change: Kind<'symlink'>): void {
  const { path } = change;
  const target = parseLinkTarget(change.target);
  const resolved = resolveTarget(planner, path, change.parents);
  checkPrecondition(path, resolved.row, change.precondition);
  const kept = resolved.row?.kind === NodeKind.SYMLINK ? { node: resolved.row.node } : {};
  planner.append({
    ...planner.newNode(resolved, 'symlink', change),
    ...kept,
    kind: NodeKind.SYMLINK,
    target,
  });
  planner.grow({ bytes: 0, entries: 1 }, planner.usageOf(resolved.row));
}

function planPut(planner: Planner, change: Kind<'put'>): void {
  const { path, prepared } = change;
  const place = resolveTarget(planner, path, change.parents);
  const { row } = place;
  checkPrecondition(path, row, change.precondition);
  planner.useChunks(prepared);
  // The same log pinned again is the same commit, sent twice under different request ids.
  if (row?.root !== undefined && bytesEqual(row.root, prepared.root)) {
    planner.node = row.node;
    return;
  }
  // A file keeps its node and its mode when its content is replaced; anything else is replaced.
  const old = row?.kind === NodeKind.FILE ? row : undefined;
  const mode = change.mode ?? old?.mode;
  const { mtimeUs = planner.context.nowUs } = change;
  const attributes = mode === undefined ? { mtimeUs } : { mode, mtimeUs };
  pinFile(planner, prepared, { ...planner.newNode(place, 'file', attributes), node: old?.node });
  planner.grow({ bytes: prepared.size, entries: 1 }, planner.usageOf(row));
}

function planExtend(planner: Planner, change: Kind<'extend'>): void {
  const { path, prepared } = change;
  const row = planner.existing(path);
  requireFile(path, row);
  checkPrecondition(path, row, change.precondition);
  planner.useChunks(prepared);
  const mtimeUs = change.mtimeUs ?? planner.context.nowUs;
  const fields = planner.sameNode(row, { ...change, mtimeUs });
  pinFile(planner, prepared, { ...fields, node: row.node });
  planner.grow({ bytes: prepared.size, entries: 1 }, planner.usageOf(row));
}

/** Appends the file log's new records and the dentry that pins them. */
function pinFile(
  planner: Planner,
  file: PreparedFile,
  fields: PlacedFields & { readonly node: number | undefined },
): void {
  const { transaction, volume } = planner.context;
  transaction.appendPart(volume, file, file.isOwn);
  const { parent, name, node, mode, mtimeUs, author } = fields;
  const { log, logCount, size, root, content } = file;
  const attributes = { mode, mtimeUs, author };
  const pin = { kind: NodeKind.FILE, log, logCount, size, root, content };
  planner.append({ parent, name, node, ...attributes, ...pin });
}

/** A place for something that is not a directory: throws `is_a_directory` if one stands there. */
function resolveTarget(planner: Planner, path: string, parents = false): Resolved {
  const resolved = planner.resolve(path, parents);
  if (path === '' || resolved.row?.kind === NodeKind.DIRECTORY) {
    throw isADirectory('write', path);
  }
  return resolved;
}

function planRename(planner: Planner, change: Kind<'rename'>): void {
  const { path, to } = change;
  const { content, absent } = change.precondition ?? {};
  const row = planner.existing(path);
  if (content !== undefined) checkPrecondition(path, row, { content });
  if (to === '') {
    throw new PathError(
      'exists',
      (name) => `cannot rename ${name(path)} to the root directory: it exists`,
    );
  }
  const target = planner.resolve(to);
  if (absent !== undefined) checkPrecondition(to, target.row, { absent });
  if (target.row?.node === row.node) {
    planner.node = row.node;
    return;
  }
  if (target.row !== undefined) checkReplace(planner, to, row, target.row);
  const moved = { node: row.node, parent: target.parent };
  if (row.kind === NodeKind.DIRECTORY) {
    if (isBelow(planner.nodes, moved)) {
      throw new PathError(
        'bad_request',
        (name) => `cannot rename ${name(path)}: ${name(to)} is inside it, need a place outside`,
      );
    }
    requireRoom(planner, row.node, { from: path, to });
  }
  planner.append({
    ...planner.sameNode(row),
    parent: target.parent,
    name: target.name,
  });
  planner.grow({ bytes: 0, entries: 0 }, planner.usageOf(target.row));
  planner.forgetDirectories();
}

/**
 * What is below a directory comes to `to` with it: throws `name_too_long` if paths would be too long there.
 * Where it fits now, it fits in a place that is neither deeper nor longer.
 */
function requireRoom(
  planner: Planner,
  node: number,
  { from, to }: { readonly from?: string; readonly to: string },
): void {
  const { levels, bytes } = extentOf(to);
  const before = from === undefined ? { levels: 0, bytes: 0 } : extentOf(from);
  if (levels <= before.levels && bytes <= before.bytes) return;
  const below = planner.context.quotas.extentBelow(planner.context.volume, node);
  const fault = extentFault({ levels: levels + below.levels, bytes: bytes + below.bytes });
  if (fault === undefined) return;
  throw new PathError(
    'name_too_long',
    (name) => `cannot move a directory to ${name(to)}: a path has ${fault}`,
  );
}

/** rename(2): a directory replaces only an empty directory, anything else only a non-directory. */
function checkReplace(planner: Planner, to: string, source: EntryRow, target: EntryRow): void {
  const { entries, volume } = planner.context;
  const sourceIsDirectory = source.kind === NodeKind.DIRECTORY;
  const targetIsDirectory = target.kind === NodeKind.DIRECTORY;
  if (targetIsDirectory && !sourceIsDirectory) {
    throw isADirectory('replace', to);
  }
  if (sourceIsDirectory && !targetIsDirectory) throw notADirectory(to, to);
  if (targetIsDirectory && entries.hasChildren(volume, target.node)) throw notEmpty(to);
}

function planCopy(planner: Planner, change: Kind<'copy'>): void {
  const { path, to, recursive } = change;
  const source = viewAt(planner, change.atCount);
  const { row } = resolve(source, path);
  // Who signs it compares with what is there now: only that can be proven.
  if (change.atCount !== undefined) planner.showNow(path);
  if (path !== '' && row === undefined) throw notFound(path, path);
  const isDirectory = path === '' || row?.kind === NodeKind.DIRECTORY;
  if (isDirectory && recursive !== true) {
    throw isADirectory('copy', path, {
      hint: 'copy it with everything below it: recursive',
    });
  }
  if (!isDirectory && row !== undefined) {
    const target = resolveTarget(planner, to, change.parents);
    checkPrecondition(to, target.row, change.precondition);
    return copyNode(planner, row, target);
  }
  const target = planner.resolve(to, change.parents);
  if (to === '' || target.row !== undefined) {
    throw new PathError('exists', (name) => `cannot copy to ${name(to)}: it exists`);
  }
  const node = row?.node ?? ROOT_NODE;
  if (node === ROOT_NODE || isBelow(planner.nodes, { node, parent: target.parent })) {
    throw new PathError(
      'bad_request',
      (name) => `cannot copy ${name(path)}: ${name(to)} is inside it`,
    );
  }
  copyTree(planner, { source, node, row }, { ...target, path: to });
}

function copyTree(
  planner: Planner,
  from: { readonly source: View; readonly node: number; readonly row: EntryRow | undefined },
  target: Resolved & { readonly path: string },
): void {
  const below = listRecursive(from.source, from.node, {
    after: '',
    limit: LIMITS.commitRecordsMax,
    read: wholeRows(from.source),
  });
  planner.append({
    ...planner.newNode(target, 'directory', from.row ?? {}),
    kind: NodeKind.DIRECTORY,
  });
  planner.grow({ bytes: 0, entries: 1 });
  const top = planner.node;
  const copies = new Map([[from.node, top]]);
  for (const { path, row } of below) {
    checkExtent(joinPath(target.path, path));
    const parent = copies.get(row.parent);
    if (parent === undefined) throw new GdpfsError('internal', 'cannot copy: a parent is missing');
    copyNode(planner, row, { parent, name: row.name, row: undefined });
    if (row.kind === NodeKind.DIRECTORY) copies.set(row.node, planner.node);
  }
  planner.node = top;
}

/** A new node with the content of `row`: both pin the same file log, no bytes move. */
function copyNode(planner: Planner, row: EntryRow, target: Resolved): void {
  const old = target.row?.kind === row.kind ? { node: target.row.node } : {};
  planner.append({
    ...planner.newNode(target, 'file', row),
    ...sameContent(row),
    ...old,
  });
  planner.grow({ bytes: row.size, entries: 1 }, planner.usageOf(target.row));
}

function planRemove(planner: Planner, change: Kind<'remove'>): void {
  const { path, only } = change;
  const row = planner.existing(path);
  checkPrecondition(path, row, change.precondition);
  const isDirectory = row.kind === NodeKind.DIRECTORY;
  if (only === 'directory' && !isDirectory) throw notADirectory(path, path);
  if (only === 'file' && isDirectory) {
    throw isADirectory('remove', path);
  }
  const { entries, volume } = planner.context;
  if (isDirectory && change.recursive !== true && entries.hasChildren(volume, row.node)) {
    throw notEmpty(path);
  }
  planner.grow({ bytes: 0, entries: 0 }, planner.usageOf(row));
  planner.append({
    parent: row.parent,
    name: row.name,
    node: row.node,
    kind: row.kind,
    removed: true,
    author: planner.context.author,
  });
  planner.forgetDirectories();
}

function planRestore(planner: Planner, change: Kind<'restore'>): void {
  const { path } = change;
  if (path === '') {
    throw new GdpfsError('bad_request', 'cannot restore the root directory of a volume');
  }
  const { row: old } = resolve(viewAt(planner, change.atCount), path);
  if (old === undefined) throw notFound(path, path);
  const { row, ...place } = planner.resolve(path);
  if (row?.kind === NodeKind.DIRECTORY || (row !== undefined && row.kind !== old.kind)) {
    throw new PathError(
      'exists',
      (name) => `cannot restore ${name(path)}: something else is there now`,
      {
        hint: 'rename or remove what is there first',
      },
    );
  }
  if (change.asCopy) {
    if (old.kind !== NodeKind.DIRECTORY) return copyNode(planner, old, { ...place, row });
    return copyTree(
      planner,
      { source: viewAt(planner, change.atCount), node: old.node, row: old },
      { ...place, row, path },
    );
  }
  const isElsewhere = row === undefined && isInTree(planner.nodes, old.node);
  if (isElsewhere && old.kind === NodeKind.DIRECTORY) {
    throw new PathError(
      'exists',
      (name) => `cannot restore ${name(path)}: the directory was moved, not removed`,
    );
  }
  // A removed node comes back as itself, with all that is below it; a moved file as a copy.
  const node = row?.node ?? (isElsewhere ? undefined : old.node);
  const isBack = node === old.node && row === undefined;
  if (isBack && old.kind === NodeKind.DIRECTORY) requireRoom(planner, node, { to: path });
  const size = { bytes: old.size, entries: 1 };
  planner.grow(isBack ? planner.usageOf(old) : size, planner.usageOf(row));
  planner.append({
    ...planner.newNode(place, 'file', old),
    ...sameContent(old),
    ...(node === undefined ? {} : { node }),
  });
  planner.forgetDirectories();
}

function viewAt(planner: Planner, at: number | undefined): View {
  return at === undefined ? planner.view : { ...planner.view, at };
}

function requireFile(path: string, row: EntryRow): void {
  if (row.kind === NodeKind.DIRECTORY) {
    throw isADirectory('write', path);
  }
  if (row.kind !== NodeKind.FILE) {
    throw new PathError(
      'not_a_file',
      (name) => `cannot write ${name(path)}: it is a symbolic link`,
    );
  }
}

function notEmpty(path: string): GdpfsError {
  return new PathError(
    'not_empty',
    (name) => `cannot remove or replace ${name(path)}: it is not empty`,
    {
      hint: 'remove it with everything below it: recursive',
    },
  );
}
