import { GdpfsError } from '../base/errors.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import { joinPath } from '../format/path.ts';
import type { DentryInit } from '../format/records.ts';

const ROOT = 0;

export interface TreeNode {
  readonly node: number;
  readonly parent: number;
  readonly dentry: DentryInit;
}

/**
 * The fold from dentries to the live tree (docs/formats.md), made here from the signed log, so that
 * nobody has to be believed about what a volume holds. Memory grows with the live nodes.
 */
export class VolumeTree {
  /** Nodes with a name, those below a removed directory too: an undelete brings them back. */
  readonly #nodes = new Map<number, TreeNode>();
  readonly #known = new Set<number>();
  /** By directory, then by name. */
  readonly #children = new Map<number, Map<string, number>>();

  /** Throws `corrupt` for a dentry that cannot follow those before. */
  apply(seq: number, dentry: DentryInit): void {
    const node = dentry.node === undefined ? seq : Number(dentry.node);
    const parent = Number(dentry.parent ?? 0);
    const current = this.#nodes.get(node);
    if (dentry.removed === true) {
      if (current === undefined) throw corrupt(seq, `node ${node} is not there`);
      this.#remove(current);
      return;
    }
    if (dentry.node !== undefined && !this.#known.has(node)) {
      throw corrupt(seq, `node ${node} is unknown`);
    }
    if (current !== undefined && current.dentry.kind !== dentry.kind) {
      throw corrupt(seq, `it changes the kind of node ${node}`);
    }
    this.#checkParent({ node, parent, dentry }, seq);
    if (current !== undefined) this.#remove(current);
    const replaced = this.#nodes.get(this.#children.get(parent)?.get(dentry.name ?? '') ?? ROOT);
    if (replaced !== undefined) this.#remove(replaced);
    this.#known.add(node);
    this.#nodes.set(node, { node, parent, dentry });
    this.#childrenOf(parent).set(dentry.name ?? '', node);
  }

  /** Everything below the root, a directory before its content. */
  *walk(directory = ROOT, path = ''): Generator<TreeNode & { readonly path: string }, void, void> {
    for (const [name, node] of this.#children.get(directory) ?? []) {
      const found = this.#nodes.get(node);
      if (found === undefined) continue;
      const childPath = joinPath(path, name);
      yield { ...found, path: childPath };
      yield* this.walk(node, childPath);
    }
  }

  /** What is below stays where it is, out of reach. */
  #remove({ node, parent, dentry }: TreeNode): void {
    this.#nodes.delete(node);
    this.#children.get(parent)?.delete(dentry.name ?? '');
  }

  #checkParent({ node, parent, dentry }: TreeNode, seq: number): void {
    if (parent !== ROOT && this.#nodes.get(parent)?.dentry.kind !== NodeKind.DIRECTORY) {
      throw corrupt(seq, `its parent ${parent} is not a directory`);
    }
    if (dentry.kind === NodeKind.DIRECTORY && this.#isBelow(parent, node)) {
      throw corrupt(seq, `directory ${node} would be inside itself`);
    }
  }

  #childrenOf(parent: number): Map<string, number> {
    let children = this.#children.get(parent);
    if (children === undefined) {
      children = new Map();
      this.#children.set(parent, children);
    }
    return children;
  }

  #isBelow(directory: number, node: number): boolean {
    for (let at: number | undefined = directory; at !== undefined && at !== ROOT; ) {
      if (at === node) return true;
      at = this.#nodes.get(at)?.parent;
    }
    return false;
  }
}

function corrupt(seq: number, why: string): GdpfsError {
  return new GdpfsError('corrupt', `cannot apply dentry ${seq}: ${why}`);
}
