import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openTestStore, outcome, type TestStore } from '../../test/support/store.ts';

async function limit(store: TestStore, bytes: number, entries = 0): Promise<void> {
  const value = { volume: store.volume, bytes: BigInt(bytes), entries: BigInt(entries) };
  await store.system.change(() => ({
    records: [{ body: { case: 'quota', value } }],
    result: undefined,
  }));
}

async function open(store: TestStore, path: string, options: { size: number; growth: number }) {
  const { volume } = store;
  return await store.fs.openUpload({ principal: 'alice', volume, path, chunkSize: 1, ...options });
}

const TEN = '0123456789';

describe('a quota', () => {
  it('stops what makes the volume grow beyond it, and nothing else', async () => {
    await using store = await openTestStore();
    await store.put('a', TEN);
    await store.apply({ kind: 'mkdir', path: 'd' });
    await store.put('d/b', TEN);
    await limit(store, 25, 4);
    assert.deepEqual(store.fs.usage(store.volume), { bytes: 20, entries: 3 });
    assert.equal(await outcome(store.put('c', TEN)), 'quota_exceeded');
    assert.equal(await outcome(store.append('a', TEN)), 'quota_exceeded');
    const copy = { kind: 'copy', path: 'd', to: 'e', recursive: true } as const;
    assert.equal(await outcome(store.apply(copy)), 'quota_exceeded');
    assert.deepEqual(store.paths(), ['a', 'd/', 'd/b'], 'nothing happened');
    await store.put('a', '01234567890123');
    await store.apply({ kind: 'rename', path: 'a', to: 'd/a' });
    await store.apply({ kind: 'symlink', path: 'l', target: 'a' });
    assert.equal(await outcome(store.apply({ kind: 'mkdir', path: 'f' })), 'quota_exceeded');
    const { seq } = store;
    await store.apply({ kind: 'remove', path: 'd', recursive: true });
    assert.deepEqual(store.fs.usage(store.volume), { bytes: 0, entries: 1 });
    await store.put('c', TEN);
    const restore = { kind: 'restore', path: 'd', at: { kind: 'seq', seq } } as const;
    assert.equal(await outcome(store.apply(restore)), 'quota_exceeded');
    await store.apply({ kind: 'remove', path: 'c' });
    await store.apply(restore);
    assert.deepEqual(store.fs.usage(store.volume), { bytes: 24, entries: 4 });
  });

  it('that is lowered takes nothing away, and lets the volume shrink', async () => {
    await using store = await openTestStore();
    await store.put('a', TEN);
    await store.put('b', TEN);
    await limit(store, 5);
    await store.apply({ kind: 'remove', path: 'a' });
    assert.equal(await outcome(store.put('b', '01234567891')), 'quota_exceeded');
    await store.put('b', '012345678');
    assert.equal(await store.text('b'), '012345678');
  });

  it('counts unfinished uploads with what they add, until they are closed', async () => {
    await using store = await openTestStore();
    await store.put('a', TEN);
    await limit(store, 25);
    const upload = await open(store, 'b', { size: 10, growth: 10 });
    assert.equal(await outcome(open(store, 'c', { size: 6, growth: 6 })), 'quota_exceeded');
    assert.equal(await outcome(store.put('c', '012345')), 'quota_exceeded');
    await open(store, 'a', { size: 15, growth: 5 });
    const change = { kind: 'put', path: 'b', file: await store.content(TEN) } as const;
    const context = { author: 'alice', isReserved: true };
    await store.fs.apply(store.volume, change, context);
    await store.fs.closeUpload(upload);
    assert.equal(await outcome(open(store, 'd', { size: 1, growth: 1 })), 'quota_exceeded');
  });

  it('holds after a restart, and after the index was lost', async () => {
    await using store = await openTestStore();
    await store.put('a', TEN);
    await limit(store, 15);
    for (const rebuild of [false, true]) {
      await store.reopen({ rebuild });
      assert.equal(await outcome(store.put('b', TEN)), 'quota_exceeded');
      assert.equal(await outcome(open(store, 'b', { size: 10, growth: 10 })), 'quota_exceeded');
      await store.put('a', TEN);
    }
    // Nobody has counted yet. Who asks does not wait for it.
    assert.equal(store.fs.usage(store.volume), undefined);
    await store.apply({ kind: 'set', path: 'a', attributes: { mode: 0o600 } });
    assert.deepEqual(store.fs.usage(store.volume), { bytes: 10, entries: 1 });
  });
});
