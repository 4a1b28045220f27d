import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { openTestStore, outcome, type TestStore } from '../../test/support/store.ts';
import { encodePolicyRecord, type Policy } from '../format/policy.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import { requireNamedKept } from './kept-states.ts';
import type { SystemView } from './system-view.ts';
import type { Moment } from './types.ts';

const at = (seq: number): Moment => ({ kind: 'seq', seq });

async function trim(store: TestStore, seq: number): Promise<void> {
  const value = { volume: store.volume, seq: BigInt(seq), timeMs: BigInt(store.clock.now()) };
  await store.system.change(() => ({
    records: [{ body: { case: 'trim', value } }],
    result: undefined,
  }));
}

describe('a state before the trim point', () => {
  it('is refused to whoever would look at it, copy from it or bring it back', async () => {
    await using store = await openTestStore();
    await store.put('a', 'old');
    const { seq: old } = store;
    store.clock.advance(1000);
    await store.put('a', 'new');
    const { seq } = store;
    const copy = { kind: 'copy', path: 'a', to: 'b', at: at(old) } as const;
    const restore = { kind: 'restore', path: 'a', at: at(old) } as const;
    const looks: (() => unknown)[] = [
      async () => store.read('a', at(old)),
      async () => store.read('a', { kind: 'time', timeMs: store.clock.now() - 1 }),
      async () => store.paths(at(old)),
      async () => store.apply(copy),
      async () => store.apply({ kind: 'many', changes: [{ kind: 'mkdir', path: 'd' }, restore] }),
    ];
    await trim(store, seq);
    for (const look of looks) assert.equal(await outcome(Promise.resolve().then(look)), 'trimmed');
    assert.deepEqual(store.paths(), ['a'], 'nothing happened');
    assert.equal(await store.text('a', at(seq)), 'new');
    assert.equal(await store.text('a'), 'new');
  });

  it('stays so after a restart, a lost index, and a record that says less', async () => {
    await using store = await openTestStore();
    await store.put('a', 'old');
    await store.put('a', 'new');
    const { seq } = store;
    await trim(store, seq);
    await trim(store, seq - 1);
    for (const rebuild of [false, true]) {
      await store.reopen({ rebuild });
      assert.equal(store.system.view.trimSeq(store.volume), seq);
      assert.equal(await outcome(store.read('a', at(seq - 1))), 'trimmed');
      assert.equal(await store.text('a', at(seq)), 'new');
    }
  });
});

describe('a name', () => {
  it('is given to no state that is kept no more, be it one that another state has', () => {
    const volume = new Uint8Array(32);
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const policy = (...seqs: number[]): Policy => ({
      epoch: 1,
      writerKey: new Uint8Array(publicKey.export({ format: 'der', type: 'spki' }).subarray(-32)),
      historyDays: 30,
      rotations: [],
      snapshots: seqs.map((seq, index) => ({ name: `s${index}`, seq, createdMs: 0 })),
    });
    const before = encodePolicyRecord({ volume, policy: policy(5, 7), ownerKey: privateKey });
    const row = { name: volume, policy: before } as VolumeRow;
    const view = { trimSeq: () => 20 } as Pick<SystemView, 'trimSeq'> as SystemView;
    for (const [seqs, code] of [
      [[5, 7], 'ok'],
      [[7, 5, 20], 'ok'],
      [[5, 6], 'trimmed'],
    ] as const) {
      const check = (): void => requireNamedKept(row, view, policy(...seqs));
      if (code === 'ok') check();
      else assert.throws(check, { code });
    }
  });
});
