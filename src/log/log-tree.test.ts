import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { concatBytes, utf8Encode } from '../base/bytes.ts';
import {
  consistencyProof,
  inclusionProof,
  leafHash,
  MerkleFrontier,
  merkleRoot,
  verifyConsistency,
} from '../format/merkle.ts';
import { growFrontier, LogTree } from './log-tree.ts';
import { LOG_SCHEMA } from './schema.ts';

const VOLUME = 7;
/** So that there are subtrees of 256 and of 65,536 leaves. */
const LEAVES = Array.from({ length: 70_000 }, (_, index) => leafHash(utf8Encode(String(index))));

interface TestLog {
  readonly tree: LogTree;
  append(count: number): void;
}

function emptyLog(): TestLog {
  const database = new DatabaseSync(':memory:');
  database.exec(LOG_SCHEMA);
  const add = database.prepare(
    'INSERT INTO commit_frame (volume, first_seq, count, leaves) VALUES (?, ?, ?, ?)',
  );
  const tree = new LogTree(database);
  const frontier = new MerkleFrontier();
  return {
    tree,
    append(records) {
      const { count } = frontier;
      const leaves = LEAVES.slice(count, count + records);
      add.run(VOLUME, count, leaves.length, concatBytes(leaves));
      tree.grow(VOLUME, growFrontier(frontier, leaves));
    },
  };
}

function checkProof(log: TestLog, since: number, until: number): void {
  const proof = log.tree.consistency(VOLUME, { since, until });
  assert.deepEqual(proof, consistencyProof(LEAVES.slice(0, until), since));
  const claim = {
    firstCount: since,
    firstRoot: merkleRoot(LEAVES.slice(0, since)),
    secondCount: until,
    secondRoot: merkleRoot(LEAVES.slice(0, until)),
    proof,
  };
  assert(verifyConsistency(claim));
}

test('proofs from the stored tree are those of RFC 6962, however the log was cut into commits', () => {
  const commits = fc.array(fc.integer({ min: 1, max: 600 }), { minLength: 1, maxLength: 12 });
  const property = fc.property(commits, fc.nat(), fc.nat(), (sizes, first, second) => {
    const log = emptyLog();
    for (const size of sizes) log.append(size);
    const total = sizes.reduce((sum, size) => sum + size, 0);
    const [since = 0, until = 0] = [first % (total + 1), second % (total + 1)].sort(
      (left, right) => left - right,
    );
    checkProof(log, since, until);
    checkProof(log, since, total);
    const index = first % total;
    const path = log.tree.inclusion(VOLUME, { index, count: total });
    assert.deepEqual(path, inclusionProof(LEAVES.slice(0, total), index));
  });
  fc.assert(property, { numRuns: 60 });
});

test('a log of 70,000 records in commits of all sizes proves every kind of step', () => {
  const log = emptyLog();
  for (const size of [1, 2, 253, 256, 1, 65_000, 500, 3, 3984]) log.append(size);
  for (const since of [1, 2, 255, 256, 257, 512, 65_535, 65_536, 65_537, 69_999, 70_000]) {
    checkProof(log, since, 70_000);
    if (since > 256) checkProof(log, 256, since);
  }
});
