import type { DatabaseSync } from 'node:sqlite';
import { concatBytes } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { assert } from '../base/errors.ts';
import {
  consistencyRanges,
  inclusionRanges,
  type LeafRange,
  type MerkleFrontier,
  merkleRoot,
  nodeHash,
} from '../format/merkle.ts';
import { prepareAll } from '../storage/index-db.ts';

/** Subtrees whose roots are kept: of 256 leaves, of 256 of these, and so on. */
const WIDTH = 256;

const SQL = {
  leaves: `SELECT first_seq, leaves FROM commit_frame
    WHERE volume = ?1 AND first_seq < ?3 AND first_seq >= (SELECT max(first_seq)
      FROM commit_frame WHERE volume = ?1 AND first_seq <= ?2)
    ORDER BY first_seq`,
  roots: `SELECT hash FROM log_tree
    WHERE volume = ? AND level = ? AND position >= ? AND position < ? ORDER BY position`,
  add: 'INSERT OR REPLACE INTO log_tree (volume, level, position, hash) VALUES (?, ?, ?, ?)',
} as const;

/** Of one of the subtrees whose roots are kept, as the table has it. */
export interface SubtreeRoot {
  readonly level: number;
  readonly position: number;
  readonly hash: Uint8Array;
}

/** Appends the leaves; returns the roots to be kept of the subtrees that they complete. */
export function growFrontier(
  frontier: MerkleFrontier,
  leaves: readonly Uint8Array[],
): SubtreeRoot[] {
  const roots: SubtreeRoot[] = [];
  const complete = (size: number, hash: Uint8Array): void => {
    if (size < WIDTH) return;
    let level = 0;
    let rest = size;
    for (; rest >= WIDTH; rest /= WIDTH) level += 1;
    if (rest === 1) roots.push({ level, position: (frontier.count + 1) / size - 1, hash });
  };
  for (const leaf of leaves) frontier.append(leaf, complete);
  return roots;
}

/**
 * The Merkle tree over the records of each log, as far as it is kept to make proofs: leaf hashes lie
 * beside the commits, roots of full subtrees in a table. So a commit adds 32 bytes a record and a row
 * for each 256 records, and a proof reads a few hundred hashes, whatever the length of the log.
 */
export class LogTree {
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;

  constructor(database: DatabaseSync) {
    this.#sql = prepareAll(database, SQL);
  }

  /** The log has grown, and its new leaves are stored. */
  grow(volume: number, roots: readonly SubtreeRoot[]): void {
    for (const { level, position, hash } of roots) {
      this.#sql.add.run(volume, level, position, hash);
    }
  }

  /** PROOF(since, D[until]) of RFC 6962, section 2.1.2. */
  consistency(
    volume: number,
    { since, until }: { readonly since: number; readonly until: number },
  ): Uint8Array[] {
    return consistencyRanges(since, until).map((range) => this.#root(volume, range));
  }

  /** PATH(index, D[count]) of RFC 6962, section 2.1.1. */
  inclusion(
    volume: number,
    { index, count }: { readonly index: number; readonly count: number },
  ): Uint8Array[] {
    return inclusionRanges(index, count).map((range) => this.#root(volume, range));
  }

  /** Of leaves that begin where a subtree does: the perfect ones in it, from left to right. */
  #root(volume: number, { first, end }: LeafRange): Uint8Array {
    const roots: Uint8Array[] = [];
    let start = first;
    while (start < end) {
      let size = 1;
      while (size * 2 <= end - start) size *= 2;
      roots.push(this.#perfect(volume, start, size));
      start += size;
    }
    return roots.reduceRight((right, left) => nodeHash(left, right));
  }

  /** `size` is a power of two, `first` a multiple of it. */
  #perfect(volume: number, first: number, size: number): Uint8Array {
    let level = 0;
    let span = 1;
    while (span * WIDTH <= size) {
      span *= WIDTH;
      level += 1;
    }
    return merkleRoot(this.#hashes(volume, level, first / span, size / span));
  }

  /** `count` roots of the level from `position` on; of level 0 these are leaf hashes. */
  #hashes(volume: number, level: number, position: number, count: number): Uint8Array[] {
    const hashes =
      level === 0
        ? this.#leaves(volume, position, count)
        : this.#sql.roots
            .all(volume, level, position, position + count)
            .map((row) => row['hash'] as Uint8Array);
    assert(hashes.length === count, 'the tree of a log has all that its commits have');
    return hashes;
  }

  #leaves(volume: number, first: number, count: number): Uint8Array[] {
    const rows = this.#sql.leaves.all(volume, first, first + count);
    const skipped = first - Number(rows[0]?.['first_seq'] ?? first);
    const all = concatBytes(rows.map((row) => row['leaves'] as Uint8Array));
    return Array.from({ length: count }, (_, index) => {
      const offset = (skipped + index) * DIGEST_BYTES;
      return all.subarray(offset, offset + DIGEST_BYTES);
    }).filter(({ length }) => length === DIGEST_BYTES);
  }
}
