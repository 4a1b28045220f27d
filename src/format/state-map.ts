import { concatBytes, EMPTY_BYTES } from '../base/bytes.ts';
import {
  decodeStateNode,
  EMPTY_STATE_ROOT,
  hashStateNode,
  sealStateNode,
  type StateChild,
} from './state-node.ts';

/** Where the nodes of a map are kept, by their paths: a table in a server, a Map in a client. */
export interface StateNodes {
  get(path: Uint8Array): Uint8Array | undefined;
  set(path: Uint8Array, node: Uint8Array): void;
  delete(path: Uint8Array): void;
}

/** What a key stands for from now on: the hash of its leaf, or nothing. */
export interface StateChange {
  readonly key: Uint8Array;
  readonly hash: Uint8Array | undefined;
  /**
   * `key` is the path of a node of another map, and the hash that of the node: all that is below it there
   * comes along. No other key may begin with it. For new maps only.
   */
  readonly isNode?: boolean;
}

const ROOT_PATH = EMPTY_BYTES;

/**
 * The authenticated map (parent, name) → entry: a radix tree over the bytes of the keys whose nodes
 * hash what is below them (docs/formats.md, State map). Its shape, and so its root, depends on what is
 * in it and on nothing else. A change costs a few nodes on the way to its key.
 */
export class StateMap {
  readonly #nodes: StateNodes;

  constructor(nodes: StateNodes) {
    this.#nodes = nodes;
  }

  root(): Uint8Array {
    const node = this.#nodes.get(ROOT_PATH);
    return node === undefined ? EMPTY_STATE_ROOT : hashStateNode(node);
  }

  /** `changes` have different keys, in the order of their bytes. Each node is written once. */
  update(changes: readonly StateChange[]): void {
    if (changes.length === 0) return;
    const children = this.#apply(ROOT_PATH, this.#children(ROOT_PATH), changes);
    if (children.length === 0) this.#nodes.delete(ROOT_PATH);
    else this.#nodes.set(ROOT_PATH, sealStateNode(children).bytes);
  }

  /** The children of the node at `path`, once the changes below it are made. */
  #apply(
    path: Uint8Array,
    children: readonly StateChild[],
    changes: readonly StateChange[],
  ): StateChild[] {
    const result: StateChild[] = [];
    let next = 0;
    for (const { byte, group } of byByte(changes, path.length)) {
      let child = children[next];
      while (child !== undefined && firstByte(child) < byte) {
        result.push(child);
        next += 1;
        child = children[next];
      }
      const isSame = child !== undefined && firstByte(child) === byte;
      if (isSame) next += 1;
      const changed = this.#applyBelow(path, isSame ? child : undefined, group);
      if (changed !== undefined) result.push(changed);
    }
    for (const child of children.slice(next)) result.push(child);
    return result;
  }

  /** What becomes of one child; the keys of `changes` share its first byte. */
  #applyBelow(
    path: Uint8Array,
    child: StateChild | undefined,
    changes: readonly StateChange[],
  ): StateChild | undefined {
    if (child === undefined) return this.#build(path, changes.filter(isPut));
    if (child.isLeaf) return this.#build(path, withLeaf(path, child, changes));
    const own = concatBytes([path, child.label]);
    const isBelow = (key: Uint8Array): boolean => commonLength(key, own) === own.length;
    // What is not there need not be removed.
    const relevant = changes.filter((change) => isPut(change) || isBelow(change.key));
    let shared = own.length;
    for (const { key } of relevant) shared = Math.min(shared, commonLength(key, own));
    if (shared === own.length) {
      if (relevant.length === 0) return child;
      const children = this.#apply(own, this.#children(own), relevant);
      return this.#join(path, own, children);
    }
    // A key leaves the label in its middle: a node comes in between.
    const between = own.subarray(0, shared);
    const lower = { ...child, label: own.subarray(shared) };
    return this.#join(path, between, this.#apply(between, [lower], relevant));
  }

  /** The smallest tree with these keys, all of which begin with `path` and one byte more. */
  #build(path: Uint8Array, puts: readonly Put[]): StateChild | undefined {
    const first = puts[0];
    const last = puts.at(-1);
    if (first === undefined || last === undefined) return undefined;
    if (puts.length === 1) {
      const isLeaf = first.isNode !== true;
      return { label: first.key.subarray(path.length), isLeaf, hash: first.hash };
    }
    const own = first.key.subarray(0, commonLength(first.key, last.key));
    const children: StateChild[] = [];
    for (const { group } of byByte(puts, own.length)) {
      const child = this.#build(own, group);
      if (child !== undefined) children.push(child);
    }
    return this.#join(path, own, children);
  }

  /** Keeps the node at `own` if it has a reason to be: two children or more. */
  #join(
    path: Uint8Array,
    own: Uint8Array,
    children: readonly StateChild[],
  ): StateChild | undefined {
    const [only, ...others] = children;
    if (only === undefined || others.length === 0) {
      this.#nodes.delete(own);
      if (only === undefined) return undefined;
      return { ...only, label: concatBytes([own.subarray(path.length), only.label]) };
    }
    const { bytes, hash } = sealStateNode(children);
    this.#nodes.set(own, bytes);
    return { label: own.subarray(path.length), isLeaf: false, hash };
  }

  #children(path: Uint8Array): StateChild[] {
    const node = this.#nodes.get(path);
    return node === undefined ? [] : decodeStateNode(node);
  }
}

type Put = StateChange & { readonly hash: Uint8Array };

function isPut(change: StateChange): change is Put {
  return change.hash !== undefined;
}

/** The puts among `changes`, and the leaf that was there, unless one of them is about it. */
function withLeaf(path: Uint8Array, leaf: StateChild, changes: readonly StateChange[]): Put[] {
  const key = concatBytes([path, leaf.label]);
  const puts: Put[] = [];
  let isPlaced = false;
  for (const change of changes) {
    const order: number = isPlaced ? 1 : Buffer.compare(change.key, key);
    if (order > 0 && !isPlaced) puts.push({ key, hash: leaf.hash });
    isPlaced ||= order >= 0;
    if (isPut(change)) puts.push(change);
  }
  if (!isPlaced) puts.push({ key, hash: leaf.hash });
  return puts;
}

/** Runs of changes whose keys have the same byte at `index`. */
function* byByte<Change extends StateChange>(
  changes: readonly Change[],
  index: number,
): Generator<{ readonly byte: number; readonly group: readonly Change[] }, void, void> {
  let start = 0;
  while (start < changes.length) {
    const byte = changes[start]?.key[index] ?? 0;
    let end = start + 1;
    while (end < changes.length && changes[end]?.key[index] === byte) end += 1;
    yield { byte, group: changes.slice(start, end) };
    start = end;
  }
}

function firstByte({ label }: StateChild): number {
  return label[0] ?? 0;
}

function commonLength(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  let index = 0;
  while (index < length && left[index] === right[index]) index += 1;
  return index;
}
