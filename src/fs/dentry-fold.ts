import { decodeDentry, type Dentry } from '../format/dentry.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import type { DentryInit } from '../format/record-encoder.ts';
import { foldIntoTree, type TreeNode, type TreeNodes } from '../format/tree-fold.ts';
import type { EntryTable } from './entry-table.ts';
import type { StateFold } from './state-fold.ts';

/** Where the dentries of all volumes are folded into. */
export interface DentryTables {
  readonly entries: EntryTable;
  readonly state: StateFold;
  readonly last: LastDirectory;
}

/** Folds a dentry into the tables of a volume. Throws `corrupt` for one that cannot follow. */
export function foldDentry(
  tables: DentryTables,
  at: { readonly volume: number; readonly seq: number },
  dentry: DentryInit,
): void {
  const nodes = new VolumeNodes(tables.entries, at.volume, tables);
  foldIntoTree(nodes, decodeDentry(at.seq, dentry));
}

/**
 * The directory that was looked at last: most dentries lie in the same one as those before them. To be
 * forgotten when anything ends, or is taken back.
 */
export class LastDirectory {
  #volume = 0;
  #directory: TreeNode | undefined;

  get(volume: number, node: number): TreeNode | undefined {
    const isSame = this.#directory?.node === node && this.#volume === volume;
    return isSame ? this.#directory : undefined;
  }

  keep(volume: number, row: TreeNode | undefined): void {
    if (row?.kind !== NodeKind.DIRECTORY) return;
    this.#volume = volume;
    this.#directory = row;
  }

  forget(): void {
    this.#directory = undefined;
  }
}

/** The nodes of one volume, by its index id. */
export class VolumeNodes implements TreeNodes {
  readonly #entries: EntryTable;
  readonly #volume: number;
  readonly #fold: Omit<DentryTables, 'entries'> | undefined;

  /** Without `fold` only for reading. */
  constructor(entries: EntryTable, volume: number, fold?: Omit<DentryTables, 'entries'>) {
    this.#entries = entries;
    this.#volume = volume;
    this.#fold = fold;
  }

  byNode(node: number): TreeNode | undefined {
    const known = this.#fold?.last.get(this.#volume, node);
    if (known !== undefined) return known;
    const row = this.#entries.placeOf(this.#volume, node);
    this.#fold?.last.keep(this.#volume, row);
    return row;
  }

  pastKind(node: number): NodeKind | undefined {
    return this.#entries.lastPast(this.#volume, node)?.kind;
  }

  retire(place: { readonly parent: number; readonly name: string }, seq: number): void {
    const { parent, name } = place;
    this.#entries.retire({ volume: this.#volume, parent, name }, seq);
    this.#fold?.last.forget();
    this.#fold?.state.remove(this.#volume, place);
  }

  place(dentry: Dentry): void {
    this.#fold?.state.put(this.#volume, dentry);
    const isInPlace = this.#entries.place(this.#volume, {
      parent: dentry.parent,
      name: dentry.name,
      seq: dentry.seq,
      node: dentry.node,
      kind: dentry.kind,
      log: dentry.file?.log,
      logCount: dentry.file?.logCount ?? 0,
      size: dentry.size,
      root: dentry.file?.root,
      content: dentry.file?.content,
      mode: dentry.mode,
      mtimeUs: dentry.mtimeUs,
      author: dentry.author,
      target: dentry.target,
    });
    if (isInPlace) this.#fold?.last.forget();
  }
}
