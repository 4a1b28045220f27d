import { bytesEqual } from '../../base/bytes.ts';
import { NodeKind } from '../../format/generated/gdpfs_pb.js';
import type { DentryInit } from '../../format/record-encoder.ts';
import type { StateEntry } from '../../format/state-entry.ts';
import type { AskedChange, Condition, PastTree } from './asked-change.ts';
import type { ContentCheck } from './content-check.ts';
import { elsewise, type Place, type RecordCheck } from './record-check.ts';

const MODE_DEFAULT = { file: 0o644, directory: 0o755, symlink: 0o777 } as const;

type Kind<K extends AskedChange['kind']> = Extract<AskedChange, { readonly kind: K }>;

/** What the records of changes must be compared with. */
interface Checks {
  readonly records: RecordCheck;
  readonly contents: ContentCheck;
}

/**
 * The records must be those of the change, by the rules of docs/formats.md. This is written apart from
 * what makes them in the server, and shares nothing with it but the formats. Throws `untrusted`.
 */
export function checkChange(checks: Checks, change: AskedChange): void {
  switch (change.kind) {
    case 'mkdir':
      return checkMkdir(checks, change);
    case 'symlink':
      return checkSymlink(checks, change);
    case 'file':
      return checkFile(checks, change);
    case 'rename':
      return checkRename(checks, change);
    case 'copy':
      return checkCopy(checks, change);
    case 'restore':
      return checkRestore(checks, change);
    case 'remove':
      return checkRemove(checks, change);
    case 'set': {
      const { records } = checks;
      const entry = records.existing(change.path);
      checkCondition(change, entry);
      records.expect(sameNode(entry, change), entry);
    }
  }
}

function checkMkdir({ records }: Checks, change: Kind<'mkdir'>): void {
  const { path, parents, mode, mtimeUs } = change;
  const place = records.resolve(path, parents);
  const { entry } = place;
  if (parents && (path === '' || entry?.kind === NodeKind.DIRECTORY)) {
    const hasAttributes = mode !== undefined || mtimeUs !== undefined;
    if (entry !== undefined && hasAttributes) records.expect(sameNode(entry, change), entry);
    return;
  }
  if (path === '' || entry !== undefined) throw elsewise(`something is at "${path}" already`);
  records.expect(newNode(place, 'directory', change), undefined);
}

function checkSymlink({ records }: Checks, change: Kind<'symlink'>): void {
  const place = checkTarget(records, change);
  const { entry } = place;
  const isSame = entry?.kind === NodeKind.SYMLINK;
  const node = isSame ? { node: BigInt(entry.node) } : {};
  const { target } = change;
  records.expect({ ...newNode(place, 'symlink', change), ...node, target }, entry);
}

function checkFile({ records, contents }: Checks, change: Kind<'file'>): void {
  const { content } = change;
  if (content.from === 'append') {
    const entry = records.existing(change.path);
    if (entry.kind !== NodeKind.FILE) throw elsewise(`"${change.path}" is no file`);
    checkCondition(change, entry);
    const file = contents.pinned(content, entry);
    const same = { ...sameNode(entry, change), ...pinOf(file) };
    records.expect(same, entry, { isNow: change.mtimeUs === undefined });
    return;
  }
  const place = checkTarget(records, change);
  const { entry } = place;
  const file = contents.pinned(content, undefined);
  // The same log once more is the same commit, sent twice.
  if (entry?.file !== undefined && bytesEqual(entry.file.root, file.pin.root)) return;
  const old = entry?.kind === NodeKind.FILE ? entry : undefined;
  const node = old === undefined ? {} : { node: BigInt(old.node) };
  const attributes = { mode: change.mode ?? old?.mode, mtimeUs: change.mtimeUs };
  records.expect({ ...newNode(place, 'file', attributes), ...node, ...pinOf(file) }, entry);
}

function checkRename({ records }: Checks, { path, to, condition }: Kind<'rename'>): void {
  const entry = records.existing(path);
  if (condition?.content !== undefined) {
    checkCondition({ condition: { content: condition.content } }, entry);
  }
  const target = records.resolve(to);
  if (condition?.absent === true && target.entry !== undefined) throw unexpected();
  if (target.entry?.node === entry.node) return;
  if (target.entry?.kind === NodeKind.DIRECTORY) checkEmpty(records, target.entry, to);
  const moved = { ...sameNode(entry), parent: BigInt(target.parent), name: target.name };
  records.expect(moved, entry);
}

function checkCopy({ records }: Checks, change: Kind<'copy'>): void {
  const { path, to, recursive, parents, past } = change;
  const source = past?.top ?? presentSource(records, change);
  if (source.kind !== NodeKind.DIRECTORY) {
    copyNode(records, source, checkTarget(records, { ...change, path: to }));
    return;
  }
  const target = records.resolve(to, parents);
  if (!recursive || to === '' || target.entry !== undefined) {
    throw elsewise(`"${path}" cannot become "${to}"`);
  }
  copyTree(records, { source, tree: past ?? records }, target);
}

/** What is at the path now, which must be what was there at the moment that is asked for. */
function presentSource(records: RecordCheck, { path, atSeq }: Kind<'copy'>): StateEntry {
  const source = records.existing(path);
  if (atSeq === undefined) return source;
  const isDirectory = source.kind === NodeKind.DIRECTORY;
  if (!isDirectory && isUnchanged(records, path, atSeq)) return source;
  throw elsewise(`it is not proven what "${path}" was`);
}

/** What was removed comes back as a copy of what it was; what was changed keeps its node. */
function checkRestore({ records }: Checks, { path, past }: Kind<'restore'>): void {
  const place = records.resolve(path);
  const { entry } = place;
  const isOther = entry !== undefined && entry.kind !== past.top.kind;
  if (path === '' || isOther || entry?.kind === NodeKind.DIRECTORY) {
    throw elsewise(`something else is at "${path}" now`);
  }
  if (past.top.kind !== NodeKind.DIRECTORY) copyNode(records, past.top, place);
  else copyTree(records, { source: past.top, tree: past }, place);
}

function copyTree(
  records: RecordCheck,
  from: { readonly source: StateEntry; readonly tree: Pick<PastTree, 'children'> },
  place: Place,
): void {
  const top = records.expect(newNode(place, 'directory', from.source), undefined);
  copyBelow(records, from, top.node);
}

/** Depth first, a directory before its content, names in byte order. */
function copyBelow(
  records: RecordCheck,
  { source, tree }: Parameters<typeof copyTree>[1],
  copy: number,
): void {
  for (const child of tree.children(source.node)) {
    const made = copyNode(records, child, { parent: copy, name: child.name, entry: undefined });
    if (child.kind === NodeKind.DIRECTORY) copyBelow(records, { source: child, tree }, made.node);
  }
}

function copyNode(records: RecordCheck, source: StateEntry, place: Place): StateEntry {
  const { entry } = place;
  const node = entry?.kind === source.kind ? { node: BigInt(entry.node) } : {};
  const kind = source.kind === NodeKind.DIRECTORY ? 'directory' : 'file';
  return records.expect({ ...newNode(place, kind, source), ...contentOf(source), ...node }, entry);
}

/** Is all on the way to the path as it was after that record? */
function isUnchanged(records: RecordCheck, path: string, atSeq: number): boolean {
  const names = path.split('/');
  return names.every((_, index) => {
    return records.existing(names.slice(0, index + 1).join('/')).seq <= atSeq;
  });
}

function checkRemove({ records }: Checks, change: Kind<'remove'>): void {
  const { path, recursive, only } = change;
  const entry = records.existing(path);
  checkCondition(change, entry);
  const kind = entry.kind === NodeKind.DIRECTORY ? 'directory' : 'file';
  if (only !== undefined && only !== kind) throw elsewise(`"${path}" is a ${kind}, need a ${only}`);
  if (entry.kind === NodeKind.DIRECTORY && !recursive) checkEmpty(records, entry, path);
  records.expectRemoval(entry);
}

function checkEmpty(records: RecordCheck, { node }: StateEntry, path: string): void {
  if (records.children(node).length > 0) throw elsewise(`"${path}" is not empty`);
}

/** A place for something that is no directory. */
function checkTarget(
  records: RecordCheck,
  change: { readonly path: string; readonly parents: boolean; readonly condition?: Condition },
): Place {
  const { path, parents } = change;
  const place = records.resolve(path, parents);
  if (path === '' || place.entry?.kind === NodeKind.DIRECTORY) {
    throw elsewise(`"${path}" is a directory`);
  }
  checkCondition(change, place.entry);
  return place;
}

function checkCondition(
  { condition = {} }: { readonly condition?: Condition },
  entry: StateEntry | undefined,
): void {
  const { content, absent } = condition;
  if (absent === true && entry !== undefined) throw unexpected();
  if (content === undefined) return;
  if (entry?.file === undefined || !bytesEqual(entry.file.content, content)) throw unexpected();
}

function unexpected(): Error {
  return elsewise('what is there is not what the change is for');
}

function newNode(
  { parent, name }: Place,
  kind: keyof typeof MODE_DEFAULT,
  attributes: { readonly mode?: number | undefined; readonly mtimeUs?: number | undefined },
): DentryInit {
  const { mode = MODE_DEFAULT[kind], mtimeUs } = attributes;
  const time = mtimeUs === undefined ? {} : { mtimeUs: BigInt(mtimeUs) };
  return { parent: BigInt(parent), name, kind: KINDS[kind], mode, ...time };
}

const KINDS = {
  file: NodeKind.FILE,
  directory: NodeKind.DIRECTORY,
  symlink: NodeKind.SYMLINK,
} as const;

function sameNode(
  entry: StateEntry,
  {
    mode,
    mtimeUs,
  }: { readonly mode?: number | undefined; readonly mtimeUs?: number | undefined } = {},
): DentryInit {
  return {
    ...contentOf(entry),
    parent: BigInt(entry.parent),
    name: entry.name,
    node: BigInt(entry.node),
    mode: mode ?? entry.mode,
    mtimeUs: BigInt(mtimeUs ?? entry.mtimeUs),
  };
}

function contentOf({ kind, size, mode, target, file }: StateEntry): DentryInit {
  const linked = target === undefined ? {} : { target };
  const pinned = file === undefined ? {} : pinOf({ pin: file, size });
  return { kind, mode, ...linked, ...pinned };
}

function pinOf({ pin, size }: ReturnType<ContentCheck['pinned']>): DentryInit {
  const { log, logCount, root, content } = pin;
  return {
    kind: NodeKind.FILE,
    log,
    logCount: BigInt(logCount),
    size: BigInt(size),
    root,
    content,
  };
}
