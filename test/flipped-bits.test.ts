import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { bytesEqual } from '../src/base/bytes.ts';
import { GdpfsError } from '../src/base/errors.ts';
import { VolumeTree } from '../src/client/volume-tree.ts';
import { type Commit, decodeCommit } from '../src/format/commit.ts';
import { checkPins } from '../src/format/file-pins.ts';
import { readPolicy } from '../src/format/policy.ts';
import { decodeRecord } from '../src/format/records.ts';
import { type ChainState, verifyCommit } from '../src/format/volume-chain.ts';
import { ALICE, openTestStore, type TestStore } from './support/store.ts';

/** One bit of one record of each kind, wherever a volume has one. */

let store: TestStore;
let commits: Commit[];

before(async () => {
  store = await openTestStore();
  const { fs, volume } = store;
  const change = (one: Parameters<typeof fs.apply>[1]) => fs.apply(volume, one, ALICE);
  await change({ kind: 'mkdir', path: 'd' });
  await store.put('d/file', ['some bytes', 'more bytes']);
  await change({ kind: 'remove', path: 'd/file' });
  await fs.rotateKey(volume, 'writer', ALICE);
  await fs.rotateKey(volume, 'owner', ALICE);
  await store.put('last', ['x']);
  commits = (await fs.commits(volume, { seq: 0, limit: 100 })).map((bytes) => decodeCommit(bytes));
});
after(() => store[Symbol.asyncDispose]());

/** States after the good commits, which need not be found again as long as nothing else came before. */
const known: ChainState[] = [];

/** Verifies all of it as a client does. */
function verify(all: readonly Commit[]): void {
  let state: ChainState | undefined;
  const tree = new VolumeTree();
  const logs = new Map<string, Uint8Array[]>();
  const keyOf = (log: Uint8Array): string => Buffer.from(log).toString('hex');
  const files = {
    read: (log: Uint8Array) => logs.get(keyOf(log)) ?? [],
    append: (log: Uint8Array, records: readonly Uint8Array[]) =>
      void logs.set(keyOf(log), [...(logs.get(keyOf(log)) ?? []), ...records]),
  };
  let isGood = true;
  for (const [index, commit] of all.entries()) {
    isGood &&= commit === commits[index];
    state = (isGood ? known[index] : undefined) ?? verifyCommit(state, commit);
    if (isGood) known[index] = state;
    for (const { dentry } of checkPins(commit, files)) tree.apply(dentry);
    assert(state.state !== undefined && bytesEqual(state.state, tree.stateRoot()));
  }
}

function flipped(bytes: Uint8Array, bit: number): Uint8Array {
  const copy = bytes.slice();
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
}

function isRefused(all: readonly Commit[], where: string): void {
  assert.throws(
    () => verify(all),
    (error) => error instanceof GdpfsError && ['untrusted', 'corrupt'].includes(error.code),
    where,
  );
}

test('the volume that is tampered with is good, and has records of every kind', () => {
  verify(commits);
  const kinds = commits.flatMap(({ records, parts }) =>
    [...records, ...parts.flatMap((part) => part.records)].map((bytes) => decodeRecord(bytes).case),
  );
  assert.deepEqual([...new Set(kinds)].sort(), ['dentry', 'fchunk', 'meta', 'volume']);
  const { policy = new Uint8Array(0) } = known.at(-1) ?? {};
  assert.equal(readPolicy(policy).rotations.length, 1);
});

test('any flipped bit of a meta record, policy, dentry or removal is found', () => {
  for (const [index, commit] of commits.entries()) {
    for (const [number, record] of commit.records.entries()) {
      for (let bit = 0; bit < record.length * 8; bit++) {
        const records = commit.records.with(number, flipped(record, bit));
        isRefused(commits.with(index, { ...commit, records }), `${index}/${number} bit ${bit}`);
      }
    }
  }
});

test('any flipped bit of a file log is found: its meta record, its fchunks, its name', () => {
  for (const [index, commit] of commits.entries()) {
    for (const [number, part] of commit.parts.entries()) {
      const withPart = (changed: typeof part): readonly Commit[] => {
        return commits.with(index, { ...commit, parts: commit.parts.with(number, changed) });
      };
      for (const { records, where } of everyFlip(part.records)) {
        isRefused(withPart({ ...part, records }), `${index}/${number}/${where}`);
      }
      isRefused(withPart({ ...part, log: flipped(part.log, 5) }), `name of ${index}/${number}`);
    }
  }
});

/** The records with each third bit of each flipped in turn. */
function* everyFlip(
  records: readonly Uint8Array[],
): Generator<{ readonly records: readonly Uint8Array[]; readonly where: string }, void, void> {
  for (const [at, record] of records.entries()) {
    for (let bit = 0; bit < record.length * 8; bit += 3) {
      yield { records: records.with(at, flipped(record, bit)), where: `${at} bit ${bit}` };
    }
  }
}

test('any flipped bit of a checkpoint is found, and of what says where a commit belongs', () => {
  for (const [index, commit] of commits.entries()) {
    for (let bit = 0; bit < commit.checkpoint.length * 8; bit += 5) {
      const checkpoint = flipped(commit.checkpoint, bit);
      isRefused(commits.with(index, { ...commit, checkpoint }), `note ${index} bit ${bit}`);
    }
    const wrong: readonly Commit[] = [
      { ...commit, volume: flipped(commit.volume, 9) },
      { ...commit, previous: flipped(commit.previous, 9) },
      { ...commit, epoch: commit.epoch + 1 },
      { ...commit, firstSeq: commit.firstSeq + 1 },
    ];
    for (const one of wrong) isRefused(commits.with(index, one), `head of ${index}`);
  }
});

test('commits that are left out, repeated or swapped are found', () => {
  for (let index = 0; index < commits.length - 1; index++) {
    isRefused(commits.toSpliced(index, 1), `without ${index}`);
    const [one, next] = [commits[index], commits[index + 1]];
    if (one === undefined || next === undefined) continue;
    isRefused(commits.toSpliced(index, 2, next, one), `${index} swapped`);
    isRefused(commits.toSpliced(index, 0, one), `${index} twice`);
  }
});
