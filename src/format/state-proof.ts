import { bytesEqual, concatBytes, EMPTY_BYTES, hexEncode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { stateKey, stateKeyPrefix } from './state-entry.ts';
import type { StateChange, StateNodes } from './state-map.ts';
import { decodeStateNode, hashStateNode } from './state-node.ts';

/**
 * Proofs of the state map: the nodes on the way, whatever is asked. Who knows the root finds each by
 * its hash, so nothing else need be believed; a key that no node leads to is proven not to be there.
 */

/** Keys from `first` on, up to and without `end`. */
export interface KeyRange {
  readonly first: Uint8Array;
  /** Undefined: to the end of the map. */
  readonly end: Uint8Array | undefined;
}

/** The one key. */
export function keyRange(parent: number, name: string): KeyRange {
  const first = stateKey(parent, name);
  return { first, end: successor(first) };
}

/** Names of a directory behind `after` (`''`: from the first on), up to `last` if there is one. */
export function directoryRange(
  parent: number,
  names: { readonly after: string; readonly last?: string | undefined },
): KeyRange {
  const prefix = stateKeyPrefix(parent);
  const first = names.after === '' ? prefix : successor(stateKey(parent, names.after));
  const end = names.last === undefined ? afterAll(prefix) : successor(stateKey(parent, names.last));
  return { first, end };
}

/** What leads to the names of a directory, and nothing of them. */
export function prefixRange(parent: number): KeyRange {
  const first = stateKeyPrefix(parent);
  return { first, end: successor(first) };
}

/** The smallest key behind `key`. */
function successor(key: Uint8Array): Uint8Array {
  return concatBytes([key, Uint8Array.of(0)]);
}

/** The smallest key behind all that begin with `prefix`; none if that is all ones. */
function afterAll(prefix: Uint8Array): Uint8Array | undefined {
  const end = prefix.slice();
  for (let index = end.length - 1; index >= 0; index--) {
    const byte = end[index] ?? 0;
    if (byte < 0xff) {
      end[index] = byte + 1;
      return end.subarray(0, index + 1);
    }
  }
  return undefined;
}

/** Collects the nodes that prove what is in `ranges`: each once, from the root on. */
export function proveRanges(nodes: StateNodes, ranges: readonly KeyRange[]): Uint8Array[] {
  const proof: Uint8Array[] = [];
  const visit = (path: Uint8Array, wanted: readonly KeyRange[]): void => {
    // The root of an empty map is kept nowhere.
    const node = nodes.get(path) ?? EMPTY_BYTES;
    proof.push(node);
    const keys = Map.groupBy(wanted.filter(isOneKey), ({ first }) => first[path.length]);
    const others = wanted.filter((range) => !isOneKey(range));
    for (const { label, isLeaf } of decodeStateNode(node)) {
      if (isLeaf) continue;
      const below = concatBytes([path, label]);
      const candidates = [...(keys.get(label[0]) ?? []), ...others];
      const held = candidates.filter((range) => mayHold(below, range));
      if (held.length > 0) visit(below, held);
    }
  };
  if (ranges.length > 0) visit(EMPTY_BYTES, ranges);
  return proof;
}

/** Then only the children that share its next byte can hold it. */
function isOneKey({ first, end }: KeyRange): boolean {
  if (end?.length !== first.length + 1) return false;
  return Buffer.compare(end.subarray(0, first.length), first) === 0;
}

/** A key that is there, and the hash of its leaf. */
export interface ProvenLeaf {
  readonly key: Uint8Array;
  readonly hash: Uint8Array;
}

/** What a proof says, for whoever knows the root. */
export class StateProof {
  readonly #root: string;
  /** By their hashes. */
  readonly #nodes = new Map<string, Uint8Array>();

  constructor(root: Uint8Array, nodes: readonly Uint8Array[]) {
    this.#root = hexEncode(root);
    for (const node of nodes) this.#nodes.set(hexEncode(hashStateNode(node)), node);
  }

  /**
   * All keys of the range, in their order. Throws `untrusted` if a node that may hold one is not in
   * the proof, `corrupt` if one is malformed.
   */
  range(range: KeyRange): ProvenLeaf[] {
    const found: ProvenLeaf[] = [];
    // In a true map no node stands at two places; a false one could make a walk without end.
    const visited = new Set<string>();
    const visit = (path: Uint8Array, hash: string): void => {
      const node = this.#nodes.get(hash);
      if (node === undefined) throw untrusted('a node is missing');
      if (visited.has(hash)) throw untrusted('a node stands at two places');
      visited.add(hash);
      for (const child of decodeStateNode(node)) {
        const below = concatBytes([path, child.label]);
        if (!mayHold(below, range)) continue;
        if (!child.isLeaf) visit(below, hexEncode(child.hash));
        else if (isIn(below, range)) found.push({ key: below, hash: child.hash });
      }
    };
    visit(EMPTY_BYTES, this.#root);
    return found;
  }

  /**
   * What another map takes over to have all names of the directory: their only leaf, or the node below
   * which they are; undefined if it is proven that there are none. Throws as `range` does.
   */
  below(parent: number): StateChange | undefined {
    const prefix = stateKeyPrefix(parent);
    let path: Uint8Array = EMPTY_BYTES;
    let hash = this.#root;
    // Each turn lengthens the path.
    while (path.length < prefix.length) {
      const node = this.#nodes.get(hash);
      if (node === undefined) throw untrusted('a node is missing');
      const next = decodeStateNode(node).find(({ label }) => {
        const below = concatBytes([path, label]);
        const length = Math.min(below.length, prefix.length);
        return bytesEqual(below.subarray(0, length), prefix.subarray(0, length));
      });
      if (next === undefined) return undefined;
      path = concatBytes([path, next.label]);
      if (path.length >= prefix.length) return { key: path, hash: next.hash, isNode: !next.isLeaf };
      if (next.isLeaf) throw untrusted('a key is too short');
      hash = hexEncode(next.hash);
    }
    return undefined;
  }

  /** The hash of the key's leaf; undefined if it is proven not to be there. */
  leaf(parent: number, name: string): Uint8Array | undefined {
    return this.range(keyRange(parent, name))[0]?.hash;
  }
}

/** Can there be a key of the range that begins with `path`? */
function mayHold(path: Uint8Array, { first, end }: KeyRange): boolean {
  if (end !== undefined && Buffer.compare(path, end) >= 0) return false;
  const length = Math.min(path.length, first.length);
  return Buffer.compare(path.subarray(0, length), first.subarray(0, length)) >= 0;
}

function isIn(key: Uint8Array, { first, end }: KeyRange): boolean {
  return Buffer.compare(key, first) >= 0 && (end === undefined || Buffer.compare(key, end) < 0);
}

function untrusted(why: string): GdpfsError {
  return new GdpfsError('untrusted', `cannot trust proof of the state map: ${why}`);
}
