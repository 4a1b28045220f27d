import { asBuffer, bytesEqual, concatBytes, EMPTY_BYTES, hexEncode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { STATE_KEY_BYTES_MAX } from './state-entry.ts';
import type { StateNodes } from './state-map.ts';
import { decodeStateNode, EMPTY_STATE_ROOT, hashStateNode, type StateChild } from './state-node.ts';

/** A node that a proof has. */
interface Branch {
  readonly children: readonly Below[];
}

interface Below extends StateChild {
  /** Undefined for a leaf, and for a node that the proof does not have. */
  branch: Branch | undefined;
}

/**
 * The nodes of a state map that a proof has, at their places: enough to look up the keys that the proof
 * is about, and to compute the root that the map has after a change of them. What must be known and is
 * not there is `untrusted`.
 */
export class PartialState implements StateNodes {
  /** By path, as latin1 text. */
  readonly #nodes = new Map<string, Uint8Array>();
  readonly #top: Branch | undefined;

  /** Throws `corrupt` for a malformed node. */
  constructor(root: Uint8Array, nodes: readonly Uint8Array[]) {
    const byHash = new Map(nodes.map((node) => [hexEncode(hashStateNode(node)), node]));
    const open = (path: Uint8Array, hash: Uint8Array): Branch | undefined => {
      const id = hexEncode(hash);
      const node = byHash.get(id);
      if (node === undefined) return undefined;
      if (path.length > STATE_KEY_BYTES_MAX) throw missing();
      // In a true map no node stands at two places; a false one could make a walk without end.
      byHash.delete(id);
      if (path.length > 0 || node.length > 0) this.#nodes.set(textOf(path), node);
      const children = decodeStateNode(node).map((child): Below => {
        const branch = child.isLeaf
          ? undefined
          : open(concatBytes([path, child.label]), child.hash);
        return { ...child, branch };
      });
      return { children };
    };
    const isEmpty = bytesEqual(root, EMPTY_STATE_ROOT);
    this.#top = open(EMPTY_BYTES, root) ?? (isEmpty ? { children: [] } : undefined);
  }

  /** Hash of the key's leaf; undefined if it is proven that there is none. */
  leaf(key: Uint8Array): Uint8Array | undefined {
    let branch = this.#top;
    let start = 0;
    for (;;) {
      if (branch === undefined) throw missing();
      const byte = key[start];
      const child: Below | undefined = branch.children.find(({ label }) => label[0] === byte);
      if (child === undefined || !hasAt(key, start, child.label)) return undefined;
      start += child.label.length;
      if (child.isLeaf) return start === key.length ? child.hash : undefined;
      ({ branch } = child);
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

function hasAt(key: Uint8Array, start: number, label: Uint8Array): boolean {
  for (let index = 0; index < label.length; index += 1) {
    if (key[start + index] !== label[index]) return false;
  }
  return true;
}

function textOf(path: Uint8Array): string {
  return asBuffer(path).toString('latin1');
}

function missing(): GdpfsError {
  return new GdpfsError('untrusted', 'cannot trust proof of the state map: a node is missing');
}
