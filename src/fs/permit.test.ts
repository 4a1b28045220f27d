import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openTestStore, outcome, type TestStore } from '../../test/support/store.ts';
import { Permission } from '../format/generated/gdpfs_pb.js';
import type { ChangeContext } from './types.ts';

/** Bob may write below `open`, and see nothing else; `open/dir` has a file. */
async function openLab(): Promise<{ store: TestStore; bob: () => ChangeContext; seq: number }> {
  const store = await openTestStore();
  for (const path of ['open', 'open/dir', 'secret']) await store.apply({ kind: 'mkdir', path });
  await store.put('open/dir/file', 'shown');
  const { volume } = store;
  const node = BigInt(store.stat('open').node);
  const value = { volume, node, subject: 'bob', permission: Permission.WRITE };
  await store.system.change(() => ({
    records: [{ body: { case: 'grant', value } }],
    result: undefined,
  }));
  const subject = { principal: 'bob', isAdmin: false };
  const rights = store.system.rights.of(subject, { name: volume, owner: 'alice' });
  return { store, seq: store.seq, bob: () => ({ author: 'bob', rights }) };
}

const RESTORE = { kind: 'restore', path: 'open/dir' } as const;

test('a directory that was filled and removed where its user could not see is not theirs to restore', async () => {
  const { store, bob, seq } = await openLab();
  await using _ = store;
  await store.apply({ kind: 'rename', path: 'open/dir', to: 'secret/dir' });
  await store.put('secret/dir/hidden', 'hidden');
  const remove = { kind: 'remove', recursive: true } as const;
  await store.apply({ ...remove, path: 'secret/dir' });
  const at = { kind: 'seq', seq } as const;
  assert.equal(await outcome(store.apply({ ...RESTORE, at }, bob())), 'forbidden');
  // The same where not the directory but one above it was removed.
  await store.apply({
    kind: 'restore',
    path: 'secret/dir',
    at: { kind: 'seq', seq: store.seq - 1 },
  });
  await store.apply({ ...remove, path: 'secret' });
  assert.equal(await outcome(store.apply({ ...RESTORE, at }, bob())), 'forbidden');
  assert.deepEqual(store.paths(), ['open/']);
});

test('a directory that was removed where its user may write comes back', async () => {
  const { store, bob, seq } = await openLab();
  await using _ = store;
  await store.apply({ kind: 'remove', path: 'open/dir', recursive: true }, bob());
  await store.apply({ ...RESTORE, at: { kind: 'seq', seq } }, bob());
  assert.equal(await store.text('open/dir/file'), 'shown');
});

test('what a path names when a change is made decides, not what it named before', async () => {
  const { store, bob } = await openLab();
  await using _ = store;
  await store.apply({ kind: 'rename', path: 'open', to: 'moved' });
  await store.apply({ kind: 'mkdir', path: 'open' });
  await store.put('open/file', 'hidden');
  const file = await store.content('by bob');
  assert.equal(
    await outcome(store.apply({ kind: 'put', path: 'open/file', file }, bob())),
    'forbidden',
  );
  await store.apply({ kind: 'put', path: 'moved/file', file }, bob());
  const copy = { kind: 'copy', path: 'open/file', to: 'moved/stolen' } as const;
  assert.equal(await outcome(store.apply(copy, bob())), 'forbidden');
  const out = { kind: 'rename', path: 'moved/file', to: 'open/file' } as const;
  assert.equal(await outcome(store.apply(out, bob())), 'forbidden');
});
