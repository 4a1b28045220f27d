import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import { parseName } from '../format/path.ts';
import type { DentryInit } from '../format/records.ts';
import { type EntryRow, type EntryTable, ROOT_NODE } from './entry-table.ts';
import { isBelow } from './tree.ts';

/**
 * The fold from dentries to a tree (docs/formats.md has it as a table). Throws `corrupt` for a
 * dentry that cannot follow what is there; a writer checks first and never makes one.
 */
export function foldDentry(
  entries: EntryTable,
  at: { readonly volume: number; readonly seq: number },
  dentry: DentryInit,
): void {
  const { volume, seq } = at;
  const row = asRow(seq, dentry);
  const current = dentry.node === undefined ? undefined : entries.byNode(volume, row.node);
  if (dentry.removed === true) {
    if (current === undefined) throw corrupt(seq, `it removes node ${row.node}, which is not there`);
    entries.retire({ volume, parent: current.parent, name: current.name }, seq);
    return;
  }
  checkName(row);
  checkParent(entries, volume, row);
  if (dentry.node !== undefined) {
    const known = current ?? entries.lastPast(volume, row.node);
    if (known === undefined) throw corrupt(seq, `node ${row.node} is unknown`);
    if (known.kind !== row.kind) throw corrupt(seq, `it changes the kind of node ${row.node}`);
  } else if (row.kind === NodeKind.UNSPECIFIED) {
    throw corrupt(seq, 'it has no kind');
  }
  if (current !== undefined) {
    entries.retire({ volume, parent: current.parent, name: current.name }, seq);
  }
  const place = { volume, parent: row.parent, name: row.name };
  if (entries.byName(place) !== undefined) entries.retire(place, seq);
  entries.insert(volume, row);
}

function checkName(row: EntryRow): void {
  try {
    parseName(row.name);
  } catch (error) {
    if (!isGdpfsError(error)) throw error;
    throw corrupt(row.seq, error.message);
  }
}

function checkParent(entries: EntryTable, volume: number, row: EntryRow): void {
  if (row.parent !== ROOT_NODE) {
    const parent = entries.byNode(volume, row.parent);
    if (parent?.kind !== NodeKind.DIRECTORY) {
      throw corrupt(row.seq, `its parent ${row.parent} is not a directory`);
    }
  }
  if (row.kind === NodeKind.DIRECTORY && isBelow(entries, volume, row)) {
    throw corrupt(row.seq, `directory ${row.node} would be inside itself`);
  }
}

function asRow(seq: number, dentry: DentryInit): EntryRow {
  const kind = dentry.kind ?? NodeKind.UNSPECIFIED;
  const isFile = kind === NodeKind.FILE;
  return {
    parent: Number(dentry.parent ?? 0n),
    name: dentry.name ?? '',
    seq,
    node: dentry.node === undefined ? seq : Number(dentry.node),
    kind,
    log: isFile ? dentry.log : undefined,
    logCount: Number(dentry.logCount ?? 0n),
    size: Number(dentry.size ?? 0n),
    root: isFile ? dentry.root : undefined,
    content: isFile ? dentry.content : undefined,
    mode: dentry.mode ?? 0,
    mtimeUs: Number(dentry.mtimeUs ?? 0n),
    author: dentry.author ?? '',
    target: kind === NodeKind.SYMLINK ? (dentry.target ?? '') : undefined,
  };
}

function corrupt(seq: number, why: string): GdpfsError {
  return new GdpfsError('corrupt', `cannot apply dentry ${seq}: ${why}`);
}
