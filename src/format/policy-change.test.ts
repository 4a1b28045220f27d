import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { isGdpfsError, type ErrorCode } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  encodePolicyRecord,
  HISTORY_DAYS_DEFAULT,
  HISTORY_FOREVER,
  type Policy,
  verifyNextPolicy,
} from './policy.ts';
import { changedPolicy, type PolicyChange, policyOf } from './policy-change.ts';
import { checkSnapshots } from './snapshot.ts';

const WRITER = new Uint8Array(32).fill(7);
const FIRST = policyOf({ policy: new Uint8Array(0), writerKey: WRITER });

function snapshotOf(name: string, seq: number): PolicyChange {
  return { kind: 'snapshot', snapshot: { name, seq, createdMs: seq } };
}

function refuses(before: Policy, change: PolicyChange, code: ErrorCode): void {
  assert.throws(
    () => changedPolicy(before, change),
    (error) => isGdpfsError(error, code),
  );
}

describe('changedPolicy()', () => {
  it('leaves alone what it is not asked to change, and raises the epoch', () => {
    const next = changedPolicy(FIRST, { kind: 'history', days: 7 });
    assert.deepEqual(next, { ...FIRST, epoch: 1, historyDays: 7 });
    assert.equal(FIRST.historyDays, HISTORY_DAYS_DEFAULT);
    assert(next);
    assert.equal(changedPolicy(next, { kind: 'history', days: 7 }), undefined);
    const forever = changedPolicy(next, { kind: 'history', days: HISTORY_FOREVER });
    assert.deepEqual(forever, { ...next, epoch: 2, historyDays: HISTORY_FOREVER });
    const one = changedPolicy(next, snapshotOf('v1', 5));
    assert.deepEqual(one, {
      ...next,
      epoch: 2,
      snapshots: [{ name: 'v1', seq: 5, createdMs: 5 }],
    });
  });

  it('refuses names that are taken, that are not there, that have no such form, and too many', () => {
    const one = changedPolicy(FIRST, snapshotOf('v1', 5));
    assert(one);
    refuses(one, snapshotOf('v1', 5), 'exists');
    refuses(one, snapshotOf('v1', 6), 'exists');
    refuses(one, snapshotOf('17', 6), 'bad_request');
    refuses(one, { kind: 'forget', name: 'v2' }, 'not_found');
    const snapshots = Array.from({ length: LIMITS.snapshotsMax }, (_, index) => {
      return { name: `s${String(index).padStart(4, '0')}`, seq: index, createdMs: 1 };
    });
    refuses({ ...FIRST, snapshots }, snapshotOf('v1', 5), 'bad_request');
    const without = changedPolicy({ ...FIRST, snapshots }, { kind: 'forget', name: 's0007' });
    assert.deepEqual(
      without?.snapshots.map(({ name }) => name),
      snapshots.map(({ name }) => name).filter((name) => name !== 's0007'),
    );
  });

  it('makes only what may follow the policy before it', () => {
    const name = fc.constantFrom('a', 'b', 'c.1', 'c-1', 'd_');
    const change = fc.oneof(
      fc.nat({ max: 9 }).map((days): PolicyChange => ({ kind: 'history', days })),
      fc.tuple(name, fc.nat({ max: 99 })).map(([text, seq]) => snapshotOf(text, seq)),
      name.map((text): PolicyChange => ({ kind: 'forget', name: text })),
    );
    fc.assert(
      fc.property(fc.array(change), (changes) => {
        let policy = FIRST;
        for (const wanted of changes) {
          let next: Policy | undefined;
          try {
            next = changedPolicy(policy, wanted);
          } catch (error) {
            assert(isGdpfsError(error, 'exists', 'not_found'));
          }
          if (next === undefined) continue;
          assert.equal(next.epoch, policy.epoch + 1);
          checkSnapshots(next.snapshots);
          verifyNextPolicy(encoded(policy), next, 100);
          policy = next;
        }
      }),
    );
  });
});

const OWNER = generateKeyPairSync('ed25519').privateKey;

function encoded(policy: Policy): Uint8Array {
  if (policy.epoch === 0) return new Uint8Array(0);
  return encodePolicyRecord({ volume: new Uint8Array(32), policy, ownerKey: OWNER });
}
