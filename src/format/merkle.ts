import { bytesEqual, concatBytes, EMPTY_BYTES, StartViews } from '../base/bytes.ts';
import { DIGEST_BYTES, sha256 } from '../base/digest.ts';
import { assert } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

/** Merkle hash trees of RFC 6962 section 2.1 with SHA-256, and their proofs. */

const LEAF_PREFIX = 0x00;
const NODE_PREFIX = 0x01;
const COUNT_BYTES = 8;

/** MTH({}): the root of a tree without leaves. */
export const EMPTY_ROOT: Uint8Array = sha256(EMPTY_BYTES);

// One scratch buffer for all nodes and most leaves: hashing is synchronous.
const leafInput = new Uint8Array(1024);
leafInput[0] = LEAF_PREFIX;
const leafInputs = new StartViews(leafInput);

/** MTH({record}). */
export function leafHash(record: Uint8Array): Uint8Array {
  const length = 1 + record.length;
  if (length > leafInput.length) return sha256(concatBytes([Uint8Array.of(LEAF_PREFIX), record]));
  leafInput.set(record, 1);
  return sha256(leafInputs.of(length));
}

const nodeInput = new Uint8Array(1 + 2 * DIGEST_BYTES);
nodeInput[0] = NODE_PREFIX;

/** The hash of an inner node. Both arguments are 32 bytes. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  assert(left.length === DIGEST_BYTES, 'left hash of a node is a digest');
  assert(right.length === DIGEST_BYTES, 'right hash of a node is a digest');
  nodeInput.set(left, 1);
  nodeInput.set(right, 1 + DIGEST_BYTES);
  return sha256(nodeInput);
}

/**
 * The right edge of a growing tree: the roots of its perfect subtrees, largest first, one for each
 * one-bit of the leaf count. It is all that is needed to append and to know the root.
 */
export class MerkleFrontier {
  #count: number;
  #hashes: Uint8Array[];

  /** The frontier of the empty tree. */
  constructor() {
    this.#count = 0;
    this.#hashes = [];
  }

  /** Reads what `encode` wrote. Throws `corrupt` on anything else. */
  static decode(bytes: Uint8Array): MerkleFrontier {
    const reader = new ByteReader(bytes, 'Merkle frontier');
    const frontier = new MerkleFrontier();
    frontier.#count = reader.uint64();
    for (let rest = frontier.#count; rest > 0; rest = half(rest)) {
      if (rest % 2 === 1) frontier.#hashes.push(reader.bytes(DIGEST_BYTES).slice());
    }
    reader.end();
    return frontier;
  }

  /** uint64be count, then the hashes, largest subtree first. */
  encode(): Uint8Array {
    const writer = new ByteWriter(COUNT_BYTES + DIGEST_BYTES * this.#hashes.length);
    writer.uint64(this.#count);
    for (const hash of this.#hashes) writer.bytes(hash);
    return writer.finish();
  }

  /** Leaves in the tree. */
  get count(): number {
    return this.#count;
  }

  /** `complete` is told of each perfect subtree that the leaf completes: of how many leaves, and its root. */
  append(leaf: Uint8Array, complete?: (leaves: number, root: Uint8Array) => void): void {
    let hash = leaf;
    let leaves = 1;
    // Each trailing one-bit of the count is a perfect subtree that the new one completes to a
    // subtree of twice the size.
    for (let rest = this.#count; rest % 2 === 1; rest = half(rest)) {
      const left = this.#hashes.pop();
      assert(left, 'a frontier has a hash for each one-bit of its count');
      hash = nodeHash(left, hash);
      leaves *= 2;
      complete?.(leaves, hash);
    }
    this.#hashes.push(hash);
    this.#count += 1;
  }

  root(): Uint8Array {
    let root: Uint8Array | undefined;
    for (const hash of this.#hashes.toReversed()) {
      root = root === undefined ? hash : nodeHash(hash, root);
    }
    return root ?? EMPTY_ROOT;
  }

  /** An independent copy. Costs a copy of at most 53 references: hashes are never changed. */
  clone(): MerkleFrontier {
    const copy = new MerkleFrontier();
    copy.#count = this.#count;
    copy.#hashes = [...this.#hashes];
    return copy;
  }
}

/** MTH over leaves that are already hashed. */
export function merkleRoot(leafHashes: readonly Uint8Array[]): Uint8Array {
  return rangeRoot(leafHashes, { first: 0, end: leafHashes.length });
}

/** PATH(index, D) of section 2.1.1: lowest sibling first. `index` must be in the tree. */
export function inclusionProof(leafHashes: readonly Uint8Array[], index: number): Uint8Array[] {
  return inclusionRanges(index, leafHashes.length).map((range) => rangeRoot(leafHashes, range));
}

/** The leaves whose subtrees make up PATH(index, D[count]), as `consistencyRanges` has them. */
export function inclusionRanges(index: number, count: number): LeafRange[] {
  assert(isCount(index) && index < count, 'the leaf to prove is in the tree');
  const ranges: LeafRange[] = [];
  let first = 0;
  let end = count;
  while (end - first > 1) {
    const middle = first + largestPowerOfTwoBelow(end - first);
    if (index < middle) {
      ranges.push({ first: middle, end });
      end = middle;
    } else {
      ranges.push({ first, end: middle });
      first = middle;
    }
  }
  return ranges.reverse();
}

/**
 * PROOF(firstCount, D) of section 2.1.2: that the tree over the first `firstCount` leaves is a
 * prefix. Empty if either tree is empty or both are the same.
 */
export function consistencyProof(
  leafHashes: readonly Uint8Array[],
  firstCount: number,
): Uint8Array[] {
  return consistencyRanges(firstCount, leafHashes.length).map((range) =>
    rangeRoot(leafHashes, range),
  );
}

/**
 * The leaves whose subtrees make up PROOF(firstCount, D[count]), in the order of the proof: for
 * those who do not have all leaves at hand. Each range begins at a multiple of the power of two that
 * is not less than its length.
 */
export function consistencyRanges(firstCount: number, count: number): LeafRange[] {
  assert(isCount(firstCount) && firstCount <= count, 'the old tree is not larger');
  if (firstCount === 0) return [];
  const ranges: LeafRange[] = [];
  let first = 0;
  let end = count;
  while (firstCount < end) {
    const middle = first + largestPowerOfTwoBelow(end - first);
    if (firstCount <= middle) {
      ranges.push({ first: middle, end });
      end = middle;
    } else {
      ranges.push({ first, end: middle });
      first = middle;
    }
  }
  // The verifier knows the old root; it needs the last subtree only where that is not the whole.
  if (first > 0) ranges.push({ first, end });
  return ranges.reverse();
}

interface InclusionClaim {
  readonly leafHash: Uint8Array;
  /** 0-based number of the leaf. */
  readonly index: number;
  /** Leaves in the tree. */
  readonly count: number;
  readonly proof: readonly Uint8Array[];
  readonly root: Uint8Array;
}

/** RFC 9162 section 2.1.3.2. False for anything that does not prove the claim. */
export function verifyInclusion(claim: InclusionClaim): boolean {
  const { index, count, proof } = claim;
  if (!isCount(index) || !isCount(count) || index >= count) return false;
  if (!areDigests([claim.leafHash, claim.root]) || !isProof(proof)) return false;
  let node = index;
  let last = count - 1;
  let root = claim.leafHash;
  for (const sibling of proof) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      root = nodeHash(sibling, root);
      // Levels where the last node has no sibling are skipped.
      while (node % 2 === 0 && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      root = nodeHash(root, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 && bytesEqual(root, claim.root);
}

interface ConsistencyClaim {
  readonly firstCount: number;
  readonly firstRoot: Uint8Array;
  readonly secondCount: number;
  readonly secondRoot: Uint8Array;
  readonly proof: readonly Uint8Array[];
}

/**
 * RFC 9162 section 2.1.4.2, with the cases that it leaves to the caller: equal trees, and an empty
 * first tree, which is a prefix of every tree. False for anything that does not prove the claim.
 */
export function verifyConsistency(claim: ConsistencyClaim): boolean {
  const { firstCount, firstRoot, secondCount, secondRoot, proof } = claim;
  if (!isCount(firstCount) || !isCount(secondCount) || firstCount > secondCount) return false;
  if (!areDigests([firstRoot, secondRoot]) || !isProof(proof)) return false;
  if (firstCount === 0 && !bytesEqual(firstRoot, EMPTY_ROOT)) return false;
  if (firstCount === secondCount) return proof.length === 0 && bytesEqual(firstRoot, secondRoot);
  if (firstCount === 0) return proof.length === 0;

  const [start, ...path] = isPowerOfTwo(firstCount) ? [firstRoot, ...proof] : proof;
  // Nothing of the second tree is shown if the proof is only the first root.
  if (start === undefined || path.length === 0) return false;
  let node = firstCount - 1;
  let last = secondCount - 1;
  while (node % 2 === 1) {
    node = half(node);
    last = half(last);
  }
  let first = start;
  let second = start;
  for (const sibling of path) {
    if (last === 0) return false;
    if (node % 2 === 1 || node === last) {
      first = nodeHash(sibling, first);
      second = nodeHash(sibling, second);
      while (node % 2 === 0 && node !== 0) {
        node = half(node);
        last = half(last);
      }
    } else {
      second = nodeHash(second, sibling);
    }
    node = half(node);
    last = half(last);
  }
  return last === 0 && bytesEqual(first, firstRoot) && bytesEqual(second, secondRoot);
}

/** Leaves from number `first` to before `end`. */
export interface LeafRange {
  readonly first: number;
  readonly end: number;
}

function rangeRoot(leafHashes: readonly Uint8Array[], range: LeafRange): Uint8Array {
  const frontier = new MerkleFrontier();
  for (let index = range.first; index < range.end; index += 1) {
    const hash = leafHashes[index];
    assert(hash, 'the range is inside the tree');
    frontier.append(hash);
  }
  return frontier.root();
}

// Counts go up to 2^53, where JavaScript's bit operators have long cut off the upper half.

function half(value: number): number {
  return Math.floor(value / 2);
}

function isPowerOfTwo(value: number): boolean {
  let odd = value;
  while (odd > 1 && odd % 2 === 0) odd = half(odd);
  return odd === 1;
}

/** `count` is at least 2. */
function largestPowerOfTwoBelow(count: number): number {
  let power = 1;
  while (power * 2 < count) power *= 2;
  return power;
}

function isCount(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

function areDigests(values: readonly Uint8Array[]): boolean {
  return values.every((value) => value.length === DIGEST_BYTES);
}

function isProof(hashes: readonly Uint8Array[]): boolean {
  return hashes.length <= LIMITS.logProofHashesMax && areDigests(hashes);
}
