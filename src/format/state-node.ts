import { newBytes } from '../base/bytes.ts';
import { DIGEST_BYTES, sha256 } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { ByteReader } from './byte-reader.ts';
import { STATE_KEY_BYTES_MAX } from './state-entry.ts';

/** Below a node of the state map: a leaf, or another node. */
export interface StateChild {
  /** What keys below it have behind the path of the node: at least one byte. */
  readonly label: Uint8Array;
  readonly isLeaf: boolean;
  readonly hash: Uint8Array;
}

const NODE_PREFIX = 0x03;
const KIND = { leaf: 0, node: 1 } as const;
/** Label length and kind. */
const CHILD_HEAD_BYTES = 3;

/** Root of the map that has nothing in it. */
export const EMPTY_STATE_ROOT: Uint8Array = sha256(Uint8Array.of(NODE_PREFIX));

/**
 * A node as it is hashed, stored and sent, and its hash. The first bytes of the labels differ and
 * ascend.
 */
export function sealStateNode(children: readonly StateChild[]): {
  readonly bytes: Uint8Array;
  readonly hash: Uint8Array;
} {
  const prefixed = encode(children);
  return { bytes: prefixed.subarray(1), hash: sha256(prefixed) };
}

export function hashStateNode(encoded: Uint8Array): Uint8Array {
  const prefixed = newBytes(1 + encoded.length);
  prefixed[0] = NODE_PREFIX;
  prefixed.set(encoded, 1);
  return sha256(prefixed);
}

function encode(children: readonly StateChild[]): Uint8Array {
  let length = 1;
  for (const { label } of children) length += CHILD_HEAD_BYTES + label.length + DIGEST_BYTES;
  const bytes = newBytes(length);
  bytes[0] = NODE_PREFIX;
  let end = 1;
  for (const { label, isLeaf, hash } of children) {
    bytes[end] = label.length >> 8;
    bytes[end + 1] = label.length & 0xff;
    bytes.set(label, end + 2);
    end += 2 + label.length;
    bytes[end] = isLeaf ? KIND.leaf : KIND.node;
    bytes.set(hash, end + 1);
    end += 1 + DIGEST_BYTES;
  }
  return bytes;
}

/** Throws `corrupt` on anything but the one encoding of some children. Labels and hashes are views. */
export function decodeStateNode(bytes: Uint8Array): StateChild[] {
  const reader = new ByteReader(bytes, 'node of the state map');
  const children: StateChild[] = [];
  let last = -1;
  while (reader.remaining > 0) {
    const length = reader.uint16();
    if (length === 0 || length > STATE_KEY_BYTES_MAX) throw malformed(`a label of ${length} bytes`);
    const label = reader.bytes(length);
    const kind = reader.uint8();
    if (kind !== KIND.leaf && kind !== KIND.node) throw malformed(`a child of kind ${kind}`);
    const first = label[0] ?? 0;
    if (first <= last) throw malformed('children are out of order');
    last = first;
    children.push({ label, isLeaf: kind === KIND.leaf, hash: reader.bytes(DIGEST_BYTES) });
  }
  return children;
}

function malformed(why: string): GdpfsError {
  return new GdpfsError('corrupt', `cannot decode node of the state map: ${why}`);
}
