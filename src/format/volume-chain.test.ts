import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { flipBit } from '../../test/hostile-bytes.ts';
import { sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { encodeCheckpoint } from './checkpoint.ts';
import { type Commit, type CommitHead, decodeCommit, encodeCommit, ZERO_DIGEST } from './commit.ts';
import { rawPublicKey } from './ed25519.ts';
import { HashAlgorithm, LogKind, NodeKind } from './generated/gdpfs_pb.js';
import { leafHash, MerkleFrontier, merkleRoot } from './merkle.ts';
import { checkpointOrigin, encodePolicyRecord } from './policy.ts';
import type { RecordInit } from './record-encoder.ts';
import { encodeRecord, FORMAT_VERSION, logName } from './records.ts';
import { signNote } from './signed-note.ts';
import type { Snapshot } from './snapshot.ts';
import { type ChainState, verifyCommit } from './volume-chain.ts';

const OWNER = generateKeyPairSync('ed25519').privateKey;
const WRITER = generateKeyPairSync('ed25519').privateKey;
const META = metaRecord(LogKind.DIRECTORY);
const NAME = logName(META);

describe('verifyCommit()', () => {
  it('follows a chain, and knows the log after each commit', () => {
    const [first, second, third] = chain();
    const records: Uint8Array[] = [];
    let state: ChainState | undefined;
    for (const commit of [first, second, third]) {
      state = verifyCommit(state, commit);
      records.push(...commit.records);
      assert.equal(state.count, records.length);
      assert.deepEqual(state.previous, sha256(commit.checkpoint));
      const root = MerkleFrontier.decode(state.frontier).root();
      assert.deepEqual(root, merkleRoot(records.map(leafHash)));
    }
    assert.deepEqual(state?.name, NAME);
    assert.deepEqual(state?.ownerKey, rawPublicKey(OWNER));
    assert.deepEqual(state?.writerKey, rawPublicKey(WRITER));
    assert.equal(state?.epoch, 1);
    assert.equal(state?.timeMs, third.timeMs);
  });

  it('refuses a commit that is left out, repeated, or first without being it', () => {
    const [first, second, third] = chain();
    const one = verifyCommit(undefined, first);
    const two = verifyCommit(one, second);
    assertUntrusted(() => verifyCommit(one, third));
    assertUntrusted(() => verifyCommit(two, second));
    assertUntrusted(() => verifyCommit(undefined, second));
    verifyCommit(two, third);
  });

  it('refuses policies that move a snapshot, name it anew, or name a state to come', () => {
    const [first, second] = chain();
    const state = verifyCommit(verifyCommit(undefined, first), second);
    const here = state.count;
    const next = (after: ChainState, ...snapshots: Snapshot[]): ChainState => {
      const epoch = after.epoch + 1;
      return verifyCommit(after, commitAfter(after, [policy(epoch, { snapshots })], { epoch }));
    };
    const one = { name: 'v1', seq: here - 1, createdMs: 7 };
    const two = { name: 'v2', seq: 0, createdMs: 8 };
    const named = next(next(state, one), one, two);
    assertUntrusted(() => next(state, { ...one, seq: here }));
    assertUntrusted(() => next(named, { ...one, seq: 0 }, two));
    assertUntrusted(() => next(named, { ...one, createdMs: 9 }, two));
    assert.throws(
      () => next(named, one, one),
      (error) => isGdpfsError(error, 'corrupt'),
    );
    // What its owner has removed may be named again, in the order in which the log says it.
    next(next(named, two), { ...one, seq: 0 }, two);
    // Also within one commit.
    const both = [policy(2, { snapshots: [one] }), policy(3, { snapshots: [{ ...one, seq: 0 }] })];
    assertUntrusted(() => verifyCommit(state, commitAfter(state, both, { epoch: 3 })));
  });

  it('refuses a commit with any record changed, added, dropped or moved', () => {
    const [first, second] = chain();
    const state = verifyCommit(undefined, first);
    const [a, b] = second.records;
    assert(a && b);
    for (const records of [
      [a],
      [b, a],
      [a, b, b],
      [a, dentry('other')],
      [],
      [a, b, encodeRecord({ case: 'system', value: { body: { case: undefined } } })],
    ]) {
      assertUntrusted(() => verifyCommit(state, { ...second, records }));
    }
  });

  it('refuses a fork: two commits that follow the same one', () => {
    const first = commitAfter(undefined, [META, policy(1)]);
    const state = verifyCommit(undefined, first);
    const left = commitAfter(state, [dentry('left')]);
    const right = commitAfter(state, [dentry('right')]);
    const afterLeft = verifyCommit(state, left);
    const next = commitAfter(verifyCommit(state, right), [dentry('more')]);
    assertUntrusted(() => verifyCommit(afterLeft, next));
    assertUntrusted(() => verifyCommit(afterLeft, { ...next, previous: afterLeft.previous }));
  });

  it('refuses what another key has signed, or another volume', () => {
    const first = commitAfter(undefined, [META, policy(1)]);
    const state = verifyCommit(undefined, first);
    const stranger = generateKeyPairSync('ed25519').privateKey;
    assertUntrusted(() =>
      verifyCommit(state, commitAfter(state, [dentry('a')], { key: stranger })),
    );
    assertUntrusted(() => verifyCommit(state, commitAfter(state, [dentry('a')], { key: OWNER })));
    const other = { ...state, name: sha256(NAME) };
    assertUntrusted(() => verifyCommit(state, commitAfter(other, [dentry('a')])));
    assertUntrusted(() => verifyCommit(other, commitAfter(state, [dentry('a')])));
  });

  it('refuses a time before the last one, and another epoch', () => {
    const state = verifyCommit(undefined, commitAfter(undefined, [META, policy(1)]));
    const { timeMs } = state;
    verifyCommit(state, commitAfter(state, [dentry('a')], { timeMs }));
    for (const change of [{ timeMs: timeMs - 1 }, { epoch: 2 }, { epoch: 0 }]) {
      assertUntrusted(() => verifyCommit(state, commitAfter(state, [dentry('a')], change)));
    }
    const commit = commitAfter(state, [dentry('a')]);
    assertUntrusted(() => verifyCommit(state, { ...commit, epoch: 2 }));
  });

  it('takes a new writer key from the owner, and the old one no more', () => {
    const state = verifyCommit(undefined, commitAfter(undefined, [META, policy(1)]));
    const successor = generateKeyPairSync('ed25519').privateKey;
    const change = { key: successor, epoch: 2 };
    const handover = commitAfter(state, [policy(2, { writer: successor })], change);
    const after = verifyCommit(state, handover);
    assert.deepEqual(after.writerKey, rawPublicKey(successor));
    assert.equal(after.epoch, 2);
    verifyCommit(after, commitAfter(after, [dentry('a')], change));
    assertUntrusted(() => verifyCommit(after, commitAfter(after, [dentry('a')], { epoch: 2 })));
    assertUntrusted(() => verifyCommit(after, commitAfter(after, [dentry('a')], { epoch: 1 })));
    assertUntrusted(() =>
      verifyCommit(state, commitAfter(state, [policy(1, { writer: successor })], change)),
    );
  });

  it('refuses a policy that the owner did not sign', () => {
    const state = verifyCommit(undefined, commitAfter(undefined, [META, policy(1)]));
    const forged = policy(2, { owner: WRITER });
    assertUntrusted(() => verifyCommit(state, commitAfter(state, [forged], { epoch: 2 })));
  });

  it('refuses a log that is not named by its first record, or is none of the two kinds', () => {
    const first = commitAfter(undefined, [META, policy(1)]);
    assertUntrusted(() => verifyCommit(undefined, { ...first, volume: sha256(NAME) }));
    assertUntrusted(() => verifyCommit(undefined, { ...first, records: [] }));
    for (const record of [metaRecord(LogKind.FILE), dentry('a')]) {
      const volume = logName(record);
      assertUntrusted(() => verifyCommit(undefined, { ...first, volume, records: [record] }));
    }
  });

  it('keeps dentries and system records in logs of their kind, and meta at the beginning', () => {
    const system = metaRecord(LogKind.SYSTEM);
    const name = logName(system);
    const principal = encodeRecord({
      case: 'system',
      value: { body: { case: 'principal', value: { name: 'bob' } } },
    });
    const state = verifyCommit(undefined, commitAfter(undefined, [META, policy(1)]));
    for (const record of [principal, META, fchunk()]) {
      assertUntrusted(() => verifyCommit(state, commitAfter(state, [record])));
    }
    const first = commitAfter(undefined, [system, policy(1, { volume: name })], { name });
    const systemState = verifyCommit(undefined, first);
    assert.equal(systemState.kind, LogKind.SYSTEM);
    verifyCommit(systemState, commitAfter(systemState, [principal]));
    assertUntrusted(() => verifyCommit(systemState, commitAfter(systemState, [dentry('a')])));
  });

  it('refuses a commit with any bit flipped that is not in a file log', () => {
    const [first, second] = chain();
    const state = verifyCommit(undefined, first);
    const { bytes } = encodeCommit(second, second.checkpoint);
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        assert.throws(
          () => verifyCommit(state, decodeCommit(flipBit(bytes, bit))),
          (error) => isGdpfsError(error, 'untrusted', 'corrupt'),
        );
      }),
      { numRuns: 400 },
    );
  });
});

interface Timed extends Commit {
  readonly timeMs: number;
}

/** Three commits of one log. */
function chain(): [Timed, Timed, Timed] {
  const first = commitAfter(undefined, [META, policy(1)]);
  const one = verifyCommit(undefined, first);
  const second = commitAfter(one, [dentry('a'), dentry('b')]);
  const third = commitAfter(verifyCommit(one, second), [dentry('c')]);
  return [first, second, third];
}

/** A commit as its writer makes it, or as `change` says. */
function commitAfter(
  state: ChainState | undefined,
  records: readonly Uint8Array[],
  change: { key?: KeyObject; epoch?: number; timeMs?: number; name?: Uint8Array } = {},
): Timed {
  const volume = state?.name ?? change.name ?? NAME;
  const epoch = change.epoch ?? 1;
  const frontier = state ? MerkleFrontier.decode(state.frontier) : new MerkleFrontier();
  for (const record of records) frontier.append(leafHash(record));
  const head: CommitHead = {
    volume,
    epoch,
    firstSeq: state?.count ?? 0,
    previous: state?.previous ?? ZERO_DIGEST,
    records,
    parts: [],
  };
  const origin = checkpointOrigin(volume);
  const count = head.firstSeq + records.length;
  const timeMs = change.timeMs ?? (state?.timeMs ?? 1000) + 1;
  const text = encodeCheckpoint({ origin, count, root: frontier.root(), timeMs, epoch });
  const privateKey = change.key ?? WRITER;
  return { ...head, checkpoint: signNote({ text, keyName: origin, privateKey }), timeMs };
}

function metaRecord(kind: LogKind): Uint8Array {
  return encodeRecord({
    case: 'meta',
    value: {
      version: FORMAT_VERSION,
      kind,
      hash: HashAlgorithm.SHA256,
      nonce: new Uint8Array(16).fill(kind),
      ownerKey: rawPublicKey(OWNER),
    },
  });
}

interface PolicyInit {
  readonly writer?: KeyObject;
  readonly owner?: KeyObject;
  readonly volume?: Uint8Array;
  readonly snapshots?: readonly Snapshot[];
}

function policy(
  epoch: number,
  { writer = WRITER, owner = OWNER, volume = NAME, snapshots = [] }: PolicyInit = {},
): Uint8Array {
  const kept = { historyDays: 30, rotations: [], snapshots };
  const value = { epoch, writerKey: rawPublicKey(writer), ...kept };
  return encodePolicyRecord({ volume, policy: value, ownerKey: owner });
}

function dentry(name: string): Uint8Array {
  return encodeRecord({ case: 'dentry', value: { name, kind: NodeKind.DIRECTORY, parent: 0n } });
}

function fchunk(): Uint8Array {
  const value = { offset: 0n, length: 0, checksum: 0, digest: new Uint8Array(0) };
  return encodeRecord({ case: 'fchunk', value } satisfies RecordInit);
}

function assertUntrusted(action: () => unknown): void {
  assert.throws(action, (error) => isGdpfsError(error, 'untrusted'));
}
