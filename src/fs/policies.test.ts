import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ALICE, openTestStore, outcome } from '../../test/support/store.ts';
import { utf8Encode } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { readPolicy } from '../format/policy.ts';
import type { ChangeContext, Moment } from './types.ts';

function request(id: string): ChangeContext {
  return { author: 'alice', request: { id, fingerprint: sha256(utf8Encode(id)) } };
}

describe('Policies', () => {
  it('lets a state be named that is kept, for its days or for another name, and no other', async () => {
    await using store = await openTestStore();
    const { volume, policies } = store;
    await store.put('f', 'one');
    const first = { kind: 'seq', seq: store.seq } as const;
    await store.put('f', 'two');
    const second = { kind: 'seq', seq: store.seq } as const;
    await store.put('f', 'three');
    await policies.change(volume, { kind: 'snapshot', name: 'v1', at: first }, ALICE);
    const value = { volume, seq: BigInt(store.seq), timeMs: 0n };
    await store.system.change(() => ({
      records: [{ body: { case: 'trim', value } }],
      result: undefined,
    }));
    for (const rebuild of [false, true]) {
      await store.reopen({ rebuild });
      assert.equal(await store.text('f', { kind: 'snapshot', name: 'v1' }), 'one');
      assert.equal(await store.text('f', first), 'one');
      assert.equal(await outcome(store.text('f', second)), 'trimmed');
    }
    const name = (text: string, at: Moment) =>
      store.policies.change(volume, { kind: 'snapshot', name: text, at }, ALICE);
    assert.equal(await outcome(name('v2', second)), 'trimmed');
    await name('v1-again', first);
    await store.policies.change(volume, { kind: 'forget', name: 'v1' }, ALICE);
    assert.equal(await store.text('f', first), 'one');
    await store.policies.change(volume, { kind: 'forget', name: 'v1-again' }, ALICE);
    assert.equal(await outcome(store.text('f', first)), 'trimmed');
    assert.equal(await outcome(name('v1', first)), 'trimmed');
  });

  it('keeps them through rotations of both keys, a restart and a rebuilt index', async () => {
    await using store = await openTestStore();
    const { volume } = store;
    await store.put('f', 'one');
    const { seq } = store;
    await store.policies.change(volume, { kind: 'snapshot', name: 'v1.0' }, ALICE);
    await store.policies.change(volume, { kind: 'history', days: 7 }, ALICE);
    await store.put('f', 'two');
    const { snapshots } = store.policies.of(volume);
    assert.deepEqual(snapshots, [{ name: 'v1.0', seq, createdMs: store.clock.now() }]);
    const { epoch } = store.policies.of(volume);
    await store.fs.rotateKey(volume, 'writer', ALICE);
    await store.fs.rotateKey(volume, 'owner', ALICE);
    for (const rebuild of [false, true]) {
      await store.reopen({ rebuild });
      const policy = store.policies.of(volume);
      assert.deepEqual([policy.epoch, policy.historyDays], [epoch + 2, 7]);
      assert.deepEqual(policy.snapshots, snapshots);
      assert.equal(await store.text('f', { kind: 'snapshot', name: 'v1.0' }), 'one');
      const { policy: record } = store.proofs.checkpoint(volume, { since: 0 });
      assert.deepEqual(readPolicy(record), policy);
    }
    await store.policies.change(volume, { kind: 'forget', name: 'v1.0' }, ALICE);
    assert.deepEqual(store.policies.of(volume).snapshots, []);
    await store.checkClosed();
  });

  it('names one state for a request that is repeated, and refuses the name to all others', async () => {
    await using store = await openTestStore();
    const { volume } = store;
    const named = { kind: 'snapshot', name: 'v1' } as const;
    const { seq } = store;
    const change = (context: ChangeContext) => store.policies.change(volume, named, context);
    await Promise.all([change(request('r')), change(request('r')), store.put('f', 'one')]);
    for (const rebuild of [false, true]) {
      await store.reopen({ rebuild });
      const before = store.seq;
      await change(request('r'));
      assert.equal(await outcome(change(request('other'))), 'exists');
      assert.equal(store.seq, before);
    }
    const [snapshot] = store.policies.of(volume).snapshots;
    assert.equal(snapshot?.seq, seq);
  });

  it('refuses what cannot be, and the log stays as it is', async () => {
    await using store = await openTestStore();
    const { volume, seq } = store;
    const name = 'v1';
    const refused = async (wish: Parameters<typeof store.policies.change>[1]) =>
      await outcome(store.policies.change(volume, wish, ALICE));
    const at = { kind: 'seq', seq: seq + 1 } as const;
    assert.equal(await refused({ kind: 'snapshot', name, at }), 'bad_request');
    const other = { kind: 'snapshot', name: 'v2' } as const;
    assert.equal(await refused({ kind: 'snapshot', name, at: other }), 'not_found');
    assert.equal(await refused({ kind: 'snapshot', name: 'V1' }), 'bad_request');
    assert.equal(await refused({ kind: 'forget', name }), 'not_found');
    await store.policies.change(volume, { kind: 'history', days: 30 }, ALICE);
    assert.equal(store.seq, seq);
    // A snapshot may get another name, and keeps its own.
    await store.policies.change(volume, { kind: 'snapshot', name }, ALICE);
    const again = { kind: 'snapshot', name } as const;
    await store.policies.change(volume, { kind: 'snapshot', name: 'v2', at: again }, ALICE);
    const { snapshots } = store.policies.of(volume);
    assert.deepEqual(
      snapshots.map((snapshot) => [snapshot.name, snapshot.seq]),
      [
        ['v1', seq],
        ['v2', seq],
      ],
    );
  });
});
