import { GdpfsError } from '../base/errors.ts';
import type { Dentry, Removal } from './dentry.ts';
import { NodeKind } from './generated/gdpfs_pb.js';

/** Number of every volume's root directory. It has no dentry. */
export const ROOT_NODE = 0;

/** A node and the place where it is. */
export interface TreeNode {
  readonly node: number;
  readonly parent: number;
  readonly name: string;
  readonly kind: NodeKind;
}

/** Where a fold keeps its tree: tables in a server, maps in a client that verifies. */
export interface TreeNodes {
  /** A node that has a place, below a removed directory too. */
  byNode(node: number): TreeNode | undefined;
  /** Kind of a node that had a place and has none now; undefined for an unknown node. */
  pastKind(node: number): NodeKind | undefined;
  /** What stands at the place ends with record `seq`. */
  retire(place: { readonly parent: number; readonly name: string }, seq: number): void;
  /** The node is at the place from now on; if something else stands there, that ends. */
  place(dentry: Dentry): void;
}

/**
 * The fold from dentries to a tree (docs/formats.md has it as a table): the same for a server that
 * makes a change, for its recovery, and for a client that verifies. Throws `corrupt` for a dentry
 * that cannot follow what is there; a writer checks first and never makes one.
 */
export function foldIntoTree(nodes: TreeNodes, dentry: Dentry | Removal): void {
  const { seq, node } = dentry;
  // A record that makes its node is the first to name it.
  const isNew = !('removed' in dentry) && dentry.isNew;
  const current = isNew ? undefined : nodes.byNode(node);
  if ('removed' in dentry) {
    if (current === undefined) throw corrupt(seq, `it removes node ${node}, which is not there`);
    nodes.retire(current, seq);
    return;
  }
  checkKind(nodes, dentry, current);
  checkParent(nodes, dentry);
  if (current !== undefined) nodes.retire(current, seq);
  nodes.place(dentry);
}

function checkKind(nodes: TreeNodes, dentry: Dentry, current: TreeNode | undefined): void {
  const { seq, node } = dentry;
  if (dentry.isNew) return;
  const kind = current?.kind ?? nodes.pastKind(node);
  if (kind === undefined) throw corrupt(seq, `node ${node} is unknown`);
  if (kind !== dentry.kind) throw corrupt(seq, `it changes the kind of node ${node}`);
}

function checkParent(nodes: TreeNodes, dentry: Dentry): void {
  const { seq, node, parent } = dentry;
  if (parent !== ROOT_NODE && nodes.byNode(parent)?.kind !== NodeKind.DIRECTORY) {
    throw corrupt(seq, `its parent ${parent} is not a directory`);
  }
  if (dentry.kind === NodeKind.DIRECTORY && isBelow(nodes, { node, parent })) {
    throw corrupt(seq, `directory ${node} would be inside itself`);
  }
}

/** Is `parent` the directory `node` itself, or below it? Ends, since no fold ever makes a cycle. */
export function isBelow(
  nodes: Pick<TreeNodes, 'byNode'>,
  place: { readonly node: number; readonly parent: number },
): boolean {
  let above = place.parent;
  while (above !== ROOT_NODE) {
    if (above === place.node) return true;
    const row = nodes.byNode(above);
    if (row === undefined) return false;
    above = row.parent;
  }
  return false;
}

/** Does a path lead to the node? Not if it was removed, or is below a directory that was. */
export function isInTree(nodes: Pick<TreeNodes, 'byNode'>, node: number): boolean {
  let above = node;
  while (above !== ROOT_NODE) {
    const row = nodes.byNode(above);
    if (row === undefined) return false;
    above = row.parent;
  }
  return true;
}

function corrupt(seq: number, why: string): GdpfsError {
  return new GdpfsError('corrupt', `cannot apply dentry ${seq}: ${why}`);
}
