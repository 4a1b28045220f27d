import type { Dentry, Removal } from '../format/dentry.ts';
import type { NodeKind } from '../format/generated/gdpfs_pb.js';
import { joinPath } from '../format/path.ts';
import { foldIntoTree, ROOT_NODE, type TreeNodes } from '../format/tree-fold.ts';

/**
 * The live tree of a volume, folded here from the signed log, so that nobody has to be believed
 * about what a volume holds. Memory grows with the nodes.
 */
export class VolumeTree implements TreeNodes {
  /** Nodes with a name, those below a removed directory too: an undelete brings them back. */
  readonly #nodes = new Map<number, Dentry>();
  readonly #pastKinds = new Map<number, NodeKind>();
  /** By directory, then by name. */
  readonly #children = new Map<number, Map<string, Dentry>>();

  /** Throws `corrupt` for a dentry that cannot follow those before. */
  apply(dentry: Dentry | Removal): void {
    foldIntoTree(this, dentry);
  }

  /** Everything below the root, a directory before its content. */
  *walk(
    directory = ROOT_NODE,
    path = '',
  ): Generator<{ readonly path: string; readonly dentry: Dentry }, void, void> {
    for (const [name, dentry] of this.#children.get(directory) ?? []) {
      const childPath = joinPath(path, name);
      yield { path: childPath, dentry };
      yield* this.walk(dentry.node, childPath);
    }
  }

  byNode(node: number): Dentry | undefined {
    return this.#nodes.get(node);
  }

  byName(parent: number, name: string): Dentry | undefined {
    return this.#children.get(parent)?.get(name);
  }

  pastKind(node: number): NodeKind | undefined {
    return this.#pastKinds.get(node);
  }

  /** What is below stays where it is, out of reach. */
  retire({ parent, name }: { readonly parent: number; readonly name: string }): void {
    const dentry = this.byName(parent, name);
    if (dentry === undefined) return;
    this.#nodes.delete(dentry.node);
    this.#pastKinds.set(dentry.node, dentry.kind);
    this.#children.get(parent)?.delete(name);
  }

  place(dentry: Dentry): void {
    const { parent, name, node } = dentry;
    this.retire(dentry);
    this.#nodes.set(node, dentry);
    const children = this.#children.get(parent);
    if (children === undefined) this.#children.set(parent, new Map([[name, dentry]]));
    else children.set(name, dentry);
  }
}
