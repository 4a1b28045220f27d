import { decodeDentry, type Dentry } from '../format/dentry.ts';
import type { NodeKind } from '../format/generated/gdpfs_pb.js';
import type { DentryInit } from '../format/records.ts';
import { foldIntoTree, type TreeNode, type TreeNodes } from '../format/tree-fold.ts';
import type { EntryTable } from './entry-table.ts';
import type { StateFold } from './state-fold.ts';

/** Folds a dentry into the tables of a volume. Throws `corrupt` for one that cannot follow. */
export function foldDentry(
  { entries, state }: { readonly entries: EntryTable; readonly state: StateFold },
  at: { readonly volume: number; readonly seq: number },
  dentry: DentryInit,
): void {
  foldIntoTree(new VolumeNodes(entries, at.volume, state), decodeDentry(at.seq, dentry));
}

/** The nodes of one volume, by its index id. */
export class VolumeNodes implements TreeNodes {
  readonly #entries: EntryTable;
  readonly #volume: number;
  readonly #state: StateFold | undefined;

  /** Without `state` only for reading. */
  constructor(entries: EntryTable, volume: number, state?: StateFold) {
    this.#entries = entries;
    this.#volume = volume;
    this.#state = state;
  }

  byNode(node: number): TreeNode | undefined {
    return this.#entries.placeOf(this.#volume, node);
  }

  pastKind(node: number): NodeKind | undefined {
    return this.#entries.lastPast(this.#volume, node)?.kind;
  }

  retire(place: { readonly parent: number; readonly name: string }, seq: number): void {
    const { parent, name } = place;
    this.#entries.retire({ volume: this.#volume, parent, name }, seq);
    this.#state?.remove(this.#volume, place);
  }

  place(dentry: Dentry): void {
    this.#state?.put(this.#volume, dentry);
    this.#entries.place(this.#volume, {
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
  }
}
