import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { parseTime } from '../base/parse-time.ts';
import { rawPublicKey } from './ed25519.ts';
import { encodePolicyRecord, HISTORY_FOREVER, readPolicy } from './policy.ts';
import {
  checkSnapshots,
  isSnapshotName,
  type Snapshot,
  verifyNextSnapshots,
  verifySnapshotsPast,
} from './snapshot.ts';

function named(...names: readonly string[]): Snapshot[] {
  return names.map((name, index) => ({ name, seq: 10 + index, createdMs: 1000 }));
}

describe('isSnapshotName()', () => {
  it('takes names of versions, and none that could be a seq, a time or a path', () => {
    for (const name of ['v1.0', 'a', 'imagenet_2012-11', 'v1.0-rc.1', 'x'.repeat(64)]) {
      assert(isSnapshotName(name), name);
    }
    for (const name of ['', '1', '17', '2026-11-20', '.x', '-x', 'V1', 'a/b', 'a@b', 'a b', 'ä']) {
      assert(!isSnapshotName(name), name);
    }
    assert(!isSnapshotName('x'.repeat(65)));
    assert(!isSnapshotName('v1\n'));
  });

  it('takes nothing that is a time', () => {
    const time = fc.date({ noInvalidDate: true }).map((date) => date.toISOString().toLowerCase());
    fc.assert(fc.property(time, (text) => !isSnapshotName(text)));
    fc.assert(
      fc.property(fc.string(), (text) => !isSnapshotName(text) || parseTime(text) === undefined),
    );
  });
});

describe('checkSnapshots()', () => {
  it('takes what ascends by its names, and refuses any other order, and a name that comes twice', () => {
    checkSnapshots([]);
    checkSnapshots(named('a', 'a-1', 'a.1', 'a1', 'b'));
    const refused = [named('b', 'a'), named('a', 'a'), named('a', 'B'), named('')];
    for (const snapshots of refused) {
      assert.throws(
        () => checkSnapshots(snapshots),
        (error) => isGdpfsError(error, 'corrupt'),
      );
    }
  });

  it('takes as many as there may be, and such a policy fits into a record', () => {
    const name = (index: number): string =>
      `n${String(index).padStart(LIMITS.snapshotNameLengthMax - 1, '0')}`;
    const all = Array.from({ length: LIMITS.snapshotsMax + 1 }, (_, index) => ({
      name: name(index),
      seq: Number.MAX_SAFE_INTEGER,
      createdMs: Number.MAX_SAFE_INTEGER,
    }));
    assert.throws(
      () => checkSnapshots(all),
      (error) => isGdpfsError(error, 'corrupt') && /need at most 512/.test(error.message),
    );
    const snapshots = all.slice(1);
    const { privateKey } = generateKeyPairSync('ed25519');
    const ownerKey = rawPublicKey(privateKey);
    const rotation = { ownerKey, signature: new Uint8Array(64) };
    const record = encodePolicyRecord({
      volume: new Uint8Array(32),
      policy: {
        epoch: Number.MAX_SAFE_INTEGER,
        writerKey: ownerKey,
        historyDays: HISTORY_FOREVER,
        rotations: Array.from({ length: LIMITS.ownerRotationsMax }, () => rotation),
        snapshots,
      },
      ownerKey: privateKey,
    });
    assert(record.length <= LIMITS.recordBytesMax);
    assert.deepEqual(readPolicy(record).snapshots, snapshots);
  });
});

describe('verifySnapshotsPast()', () => {
  it('refuses a state that the log has not come to', () => {
    verifySnapshotsPast(named('a', 'b'), 12);
    assertUntrusted(
      () => verifySnapshotsPast(named('a', 'b'), 11),
      /"b" is the state after record 11/,
    );
  });
});

describe('verifyNextSnapshots()', () => {
  it('lets snapshots come and go, and refuses one that is moved or made anew under its name', () => {
    const before = named('a', 'b');
    verifyNextSnapshots(before, before);
    verifyNextSnapshots(before, named('a'));
    verifyNextSnapshots(before, []);
    verifyNextSnapshots([], before);
    verifyNextSnapshots(before, [...before, { name: 'c', seq: 3, createdMs: 1 }]);
    const moved = before.map((snapshot) => ({ ...snapshot, seq: snapshot.seq + 1 }));
    assertUntrusted(() => verifyNextSnapshots(before, moved), /record 10, and is that after 11/);
    const anew = before.map((snapshot) => ({ ...snapshot, createdMs: 1001 }));
    assertUntrusted(() => verifyNextSnapshots(before, anew), /"a" was the state/);
  });
});

function assertUntrusted(action: () => unknown, state: RegExp): void {
  assert.throws(action, (error) => isGdpfsError(error, 'untrusted') && state.test(error.message));
}
