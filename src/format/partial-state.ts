import { asBuffer, bytesEqual, concatBytes, EMPTY_BYTES, hexEncode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import type { StateNodes } from './state-map.ts';
import { decodeStateNode, EMPTY_STATE_ROOT, hashStateNode, type StateChild } from './state-node.ts';

/**
 * The nodes of a state map that a proof has, at their places: enough to look up the keys that the proof
 * is about, and to compute the root that the map has after a change of them. What must be known and is
 * not there is `untrusted`.
 */
export class PartialState implements StateNodes {
  /** By path, as latin1 text. */
  readonly #nodes = new Map<string, Uint8Array>();
  readonly #children = new Map<string, readonly StateChild[]>();

  /** Throws `corrupt` for a malformed node. */
  constructor(root: Uint8Array, nodes: readonly Uint8Array[]) {
    const byHash = new Map(nodes.map((node) => [hexEncode(hashStateNode(node)), node]));
    const places: { readonly path: Uint8Array; readonly hash: Uint8Array }[] = [];
    places.push({ path: EMPTY_BYTES, hash: root });
    for (let place = places.pop(); place !== undefined; place = places.pop()) {
      const { path, hash } = place;
      const id = hexEncode(hash);
      const node = byHash.get(id);
      if (node === undefined) continue;
      // In a true map no node stands at two places; a false one could make a walk without end.
      byHash.delete(id);
      if (path.length > 0 || node.length > 0) this.#nodes.set(textOf(path), node);
      const children = decodeStateNode(node);
      this.#children.set(textOf(path), children);
      for (const child of children) {
        if (child.isLeaf) continue;
        places.push({ path: concatBytes([path, child.label]), hash: child.hash });
      }
    }
    if (bytesEqual(root, EMPTY_STATE_ROOT)) this.#children.set('', []);
  }

  /** Hash of the key's leaf; undefined if it is proven that there is none. */
  leaf(key: Uint8Array): Uint8Array | undefined {
    let path: Uint8Array = EMPTY_BYTES;
    for (;;) {
      const children = this.#children.get(textOf(path));
      if (children === undefined) throw missing();
      const byte = key[path.length];
      const child = children.find(({ label }) => label[0] === byte);
      if (child === undefined) return undefined;
      const end = path.length + child.label.length;
      if (!bytesEqual(key.subarray(path.length, end), child.label)) return undefined;
      if (child.isLeaf) return end === key.length ? child.hash : undefined;
      path = key.subarray(0, end);
    }
  }

  get(path: Uint8Array): Uint8Array | undefined {
    const node = this.#nodes.get(textOf(path));
    if (node === undefined && path.length > 0) throw missing();
    return node;
  }

  set(path: Uint8Array, node: Uint8Array): void {
    this.#nodes.set(textOf(path), node);
  }

  delete(path: Uint8Array): void {
    this.#nodes.delete(textOf(path));
  }
}

function textOf(path: Uint8Array): string {
  return asBuffer(path).toString('latin1');
}

function missing(): GdpfsError {
  return new GdpfsError('untrusted', 'cannot trust proof of the state map: a node is missing');
}
