import { asBuffer } from '../base/bytes.ts';
import type { Dentry, Removal } from '../format/dentry.ts';
import type { NodeKind } from '../format/generated/gdpfs_pb.js';
import { joinPath } from '../format/path.ts';
import { stateKey, stateLeafHash } from '../format/state-entry.ts';
import { type StateChange, StateMap, type StateNodes } from '../format/state-map.ts';
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
  readonly #state = new StateMap(memoryNodes());
  /** Places that changed since the state map was asked for, by their keys. */
  readonly #changed = new Map<string, StateChange>();

  /** Throws `corrupt` for a dentry that cannot follow those before. */
  apply(dentry: Dentry | Removal): void {
    foldIntoTree(this, dentry);
  }

  /** Root of the state map that a checkpoint of this moment must have. */
  stateRoot(): Uint8Array {
    const changes = [...this.#changed.values()];
    changes.sort((left, right) => Buffer.compare(left.key, right.key));
    this.#state.update(changes);
    this.#changed.clear();
    return this.#state.root();
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
    this.#note({ key: stateKey(parent, name), hash: undefined });
  }

  place(dentry: Dentry): void {
    const { parent, name, node } = dentry;
    this.retire(dentry);
    this.#nodes.set(node, dentry);
    this.#note({ key: stateKey(parent, name), hash: stateLeafHash(dentry) });
    const children = this.#children.get(parent);
    if (children === undefined) this.#children.set(parent, new Map([[name, dentry]]));
    else children.set(name, dentry);
  }

  #note(change: StateChange): void {
    this.#changed.set(latin1(change.key), change);
  }
}

function memoryNodes(): StateNodes {
  const nodes = new Map<string, Uint8Array>();
  return {
    get: (path) => nodes.get(latin1(path)),
    set: (path, node) => void nodes.set(latin1(path), node),
    delete: (path) => void nodes.delete(latin1(path)),
  };
}

function latin1(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('latin1');
}
