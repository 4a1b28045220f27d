/** One test for each row of "From dentries to a tree" in docs/formats.md, which names them. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { assertLasting, remove, rename, seqMoment } from '../../test/support/folding.ts';
import { fileOf, openTestStore, outcome, type TestStore } from '../../test/support/store.ts';
import { isGdpfsError } from '../base/errors.ts';
import { NodeKind } from '../format/generated/gdpfs_pb.js';
import type { DentryInit } from '../format/record-encoder.ts';
import { foldDentry, LastDirectory } from './dentry-fold.ts';
import { EntryTable } from './entry-table.ts';
import { FS_SCHEMA } from './schema.ts';
import { StateFold } from './state-fold.ts';

/** The one dentry that the change wrote, as field names and values that say something. */
async function onlyDentry(
  store: TestStore,
  change: () => Promise<unknown>,
): Promise<{ readonly parent: number; readonly name: string; readonly node: number | undefined }> {
  const { seq } = store;
  await change();
  const [dentry, ...more] = await store.dentriesFrom(seq + 1);
  assert(dentry !== undefined, 'the change wrote a dentry');
  assert.deepEqual(more, []);
  const node = dentry.node === undefined ? undefined : Number(dentry.node);
  return { parent: Number(dentry.parent), name: dentry.name, node };
}

describe('fold of dentries', () => {
  it('create: a dentry without a node makes one, numbered by its seq', async () => {
    await using store = await openTestStore();
    const dentry = await onlyDentry(store, async () => store.put('f', 'one'));
    assert.deepEqual(dentry, { parent: 0, name: 'f', node: undefined });
    assert.equal(store.stat('f').node, store.seq);
    assert.equal(store.stat('f').seq, store.seq);
    assert.equal(await store.text('f'), 'one');
    await assertLasting(store);
  });

  it('create over another kind: what stood there goes into the history', async () => {
    await using store = await openTestStore();
    await store.apply({ kind: 'symlink', path: 'x', target: 'y' });
    const { seq } = store;
    const dentry = await onlyDentry(store, async () => store.put('x', 'file'));
    assert.equal(dentry.node, undefined);
    assert.deepEqual(store.paths(), ['x']);
    assert.deepEqual(store.paths(seqMoment(seq)), ['x -> y']);
    await assertLasting(store);
  });

  it('overwrite: the node stays, the old content goes into the history', async () => {
    await using store = await openTestStore();
    await store.put('f', 'one', { mode: 0o600 });
    const old = store.stat('f');
    const dentry = await onlyDentry(store, async () => store.put('f', 'two'));
    assert.equal(dentry.node, old.node);
    assert.equal(store.stat('f').mode, 0o600);
    assert.notDeepEqual(fileOf(store.stat('f')).log, fileOf(old).log);
    assert.equal(await store.text('f'), 'two');
    assert.equal(await store.text('f', seqMoment(old.seq)), 'one');
    await assertLasting(store);
  });

  it('attributes: mode and time change, content and node stay', async () => {
    await using store = await openTestStore();
    await store.put('f', 'one');
    const old = store.stat('f');
    const attributes = { mode: 0o7755, mtimeUs: 1_234_567_890_123_456 };
    await store.apply({ kind: 'set', path: 'f', attributes });
    const now = store.stat('f');
    assert.deepEqual(now, { ...old, ...attributes, seq: store.seq });
    assert.deepEqual(store.stat('f', seqMoment(old.seq)), old);
    await assertLasting(store);
  });

  it('rename: one dentry moves a file', async () => {
    await using store = await openTestStore();
    await store.apply({ kind: 'mkdir', path: 'd' });
    await store.put('f', 'one');
    const { seq } = store;
    const { node } = store.stat('f');
    const dentry = await onlyDentry(store, async () => store.apply(rename('f', 'd/g')));
    assert.deepEqual(dentry, { parent: store.stat('d').node, name: 'g', node });
    assert.deepEqual(store.paths(), ['d/', 'd/g']);
    assert.deepEqual(store.paths(seqMoment(seq)), ['d/', 'f']);
    await assertLasting(store);
  });

  it('rename of a directory: one dentry moves everything below', async () => {
    await using store = await openTestStore();
    await store.put('a/b/f', 'one', { parents: true });
    await store.apply({ kind: 'mkdir', path: 'c' });
    const { seq } = store;
    const { node } = store.stat('a/b/f');
    await onlyDentry(store, async () => store.apply(rename('a', 'c/a')));
    assert.deepEqual(store.paths(), ['c/', 'c/a/', 'c/a/b/', 'c/a/b/f']);
    assert.equal(store.stat('c/a/b/f').node, node);
    assert.deepEqual(store.paths(seqMoment(seq)), ['a/', 'a/b/', 'a/b/f', 'c/']);
    await assertLasting(store);
  });

  it('overwrite by rename: a file replaces a file', async () => {
    await using store = await openTestStore();
    await store.put('new', 'new');
    await store.put('old', 'old');
    const { seq } = store;
    const { node } = store.stat('new');
    await onlyDentry(store, async () => store.apply(rename('new', 'old')));
    assert.deepEqual(store.paths(), ['old']);
    assert.equal(store.stat('old').node, node);
    assert.equal(await store.text('old'), 'new');
    assert.equal(await store.text('old', seqMoment(seq)), 'old');
    await assertLasting(store);
  });

  it('overwrite by rename: a directory replaces an empty directory', async () => {
    await using store = await openTestStore();
    await store.put('new/f', 'one', { parents: true });
    await store.apply({ kind: 'mkdir', path: 'old' });
    const { seq } = store;
    await onlyDentry(store, async () => store.apply(rename('new', 'old')));
    assert.deepEqual(store.paths(), ['old/', 'old/f']);
    assert.deepEqual(store.paths(seqMoment(seq)), ['new/', 'new/f', 'old/']);
    await assertLasting(store);
  });

  it('overwrite by rename: what POSIX refuses changes nothing', async () => {
    await using store = await openTestStore();
    await store.put('full/f', 'one', { parents: true });
    await store.apply({ kind: 'mkdir', path: 'empty' });
    await store.put('file', 'two');
    const { seq } = store;
    assert.equal(await outcome(store.apply(rename('empty', 'full'))), 'not_empty');
    assert.equal(await outcome(store.apply(rename('file', 'empty'))), 'is_a_directory');
    assert.equal(await outcome(store.apply(rename('empty', 'file'))), 'not_a_directory');
    assert.equal(await outcome(store.apply(rename('full/f', 'full'))), 'is_a_directory');
    assert.equal(store.seq, seq);
  });

  it('rename onto itself: no record', async () => {
    await using store = await openTestStore();
    await store.put('f', 'one');
    const { seq } = store;
    const result = await store.apply(rename('f', 'f'));
    assert.deepEqual(result, { seq, node: store.stat('f').node, count: 0 });
    assert.equal(store.seq, seq);
  });

  it('a directory moved into itself: refused', async () => {
    await using store = await openTestStore();
    await store.apply({ kind: 'mkdir', path: 'a/b/c', parents: true });
    const { seq } = store;
    for (const to of ['a/x', 'a/b', 'a/b/c', 'a/b/c/x']) {
      assert.notEqual(await outcome(store.apply(rename('a', to))), 'ok', to);
    }
    assert.equal(await outcome(store.apply(rename('a', 'a/b/c/x'))), 'bad_request');
    assert.equal(store.seq, seq);
  });

  it('remove: one dentry hides all that is below', async () => {
    await using store = await openTestStore();
    await store.put('a/b/f', 'one', { parents: true });
    const { seq } = store;
    await onlyDentry(store, async () => store.apply(remove('a')));
    assert.deepEqual(store.paths(), []);
    for (const path of ['a', 'a/b', 'a/b/f']) {
      assert.throws(() => store.stat(path), { code: 'not_found' });
    }
    assert.deepEqual(store.paths(seqMoment(seq)), ['a/', 'a/b/', 'a/b/f']);
    assert.equal(await store.text('a/b/f', seqMoment(seq)), 'one');
    await assertLasting(store);
  });

  it('create where something was removed: a new node, without what was below the old one', async () => {
    await using store = await openTestStore();
    await store.put('a/f', 'one', { parents: true });
    const { node } = store.stat('a');
    await store.apply(remove('a'));
    await store.apply({ kind: 'mkdir', path: 'a' });
    assert.notEqual(store.stat('a').node, node);
    assert.deepEqual(store.paths(), ['a/']);
    await assertLasting(store);
  });

  it('undelete: the node comes back with what was below it when it went', async () => {
    await using store = await openTestStore();
    await store.put('a/b/f', 'one', { parents: true });
    const { seq } = store;
    const { node } = store.stat('a');
    await store.apply(remove('a'));
    const at = seqMoment(seq);
    const dentry = await onlyDentry(store, async () =>
      store.apply({ kind: 'restore', path: 'a', at }),
    );
    assert.deepEqual(dentry, { parent: 0, name: 'a', node });
    assert.deepEqual(store.paths(), ['a/', 'a/b/', 'a/b/f']);
    assert.equal(await store.text('a/b/f'), 'one');
    assert.deepEqual(store.paths(seqMoment(seq + 1)), []);
    await assertLasting(store);
  });

  it('undelete from below a directory that is gone: the node moves out of it', async () => {
    await using store = await openTestStore();
    await store.put('a/b/f', 'one', { parents: true });
    const { seq } = store;
    const { node } = store.stat('a/b');
    await store.apply(remove('a'));
    await store.apply({ kind: 'mkdir', path: 'a' });
    await store.apply({ kind: 'restore', path: 'a/b', at: seqMoment(seq) });
    assert.deepEqual(store.paths(), ['a/', 'a/b/', 'a/b/f']);
    assert.equal(store.stat('a/b').node, node);
    await assertLasting(store);
  });

  it('restore of an old version: the node pins the old log again', async () => {
    await using store = await openTestStore();
    await store.put('f', 'one', { mode: 0o600 });
    const old = store.stat('f');
    await store.put('f', 'two', { mode: 0o644 });
    await store.apply({ kind: 'restore', path: 'f', at: seqMoment(old.seq) });
    assert.deepEqual(store.stat('f'), { ...old, seq: store.seq });
    assert.equal(await store.text('f'), 'one');
    await assertLasting(store);
  });

  it('restore of a file that was renamed: a copy, the renamed one stays', async () => {
    await using store = await openTestStore();
    await store.put('f', 'one');
    const old = store.stat('f');
    await store.apply(rename('f', 'g'));
    await store.apply({ kind: 'restore', path: 'f', at: seqMoment(old.seq) });
    assert.deepEqual(store.paths(), ['f', 'g']);
    assert.equal(store.stat('g').node, old.node);
    assert.notEqual(store.stat('f').node, old.node);
    assert.deepEqual(fileOf(store.stat('f')), fileOf(old));
    await assertLasting(store);
  });

  it('symbolic link: its target is kept as given and never followed', async () => {
    await using store = await openTestStore();
    await store.put('d/f', 'one', { parents: true });
    await store.apply({ kind: 'symlink', path: 'l', target: 'd/../no such/ü' });
    await store.apply({ kind: 'symlink', path: 'to-d', target: 'd' });
    const link = store.stat('l');
    assert.equal(link.kind, 'symlink');
    assert.equal(link.target, 'd/../no such/ü');
    assert.equal(link.mode, 0o777);
    assert.throws(() => store.stat('to-d/f'), { code: 'not_a_directory' });
    const { node } = link;
    await store.apply({ kind: 'symlink', path: 'l', target: 'other' });
    assert.equal(store.stat('l').node, node);
    assert.equal(store.stat('l').target, 'other');
    await assertLasting(store);
  });

  it('empty directory: a dentry of its own, and mkdir -p writes one for each that is missing', async () => {
    await using store = await openTestStore();
    await store.apply({ kind: 'mkdir', path: 'a' });
    assert.deepEqual(store.paths(), ['a/']);
    const { seq } = store;
    const result = await store.apply({ kind: 'mkdir', path: 'a/b/c', parents: true });
    assert.deepEqual(result, { seq: seq + 2, node: seq + 2, count: 2 });
    const dentries = await store.dentriesFrom(seq + 1);
    assert.deepEqual(
      dentries.map(({ parent, name, node }) => [Number(parent), name, node]),
      [
        [store.stat('a').node, 'b', undefined],
        [store.stat('a/b').node, 'c', undefined],
      ],
    );
    const again = await store.apply({ kind: 'mkdir', path: 'a/b/c', parents: true });
    assert.deepEqual(again, { seq: seq + 2, node: seq + 2, count: 0 });
    await assertLasting(store);
  });

  it('copy: a new node pins the same file log', async () => {
    await using store = await openTestStore();
    await store.put('f', 'one');
    await onlyDentry(store, async () => store.apply({ kind: 'copy', path: 'f', to: 'g' }));
    assert.deepEqual(fileOf(store.stat('g')), fileOf(store.stat('f')));
    assert.notEqual(store.stat('g').node, store.stat('f').node);
    assert.equal(await store.text('g'), 'one');
    await assertLasting(store);
  });

  it('copy of a directory: one dentry for each node, in one commit', async () => {
    await using store = await openTestStore();
    await store.put('a/b/f', 'one', { parents: true });
    await store.apply({ kind: 'symlink', path: 'a/l', target: 'b/f' });
    const result = await store.apply({ kind: 'copy', path: 'a', to: 'c', recursive: true });
    assert.equal(result.count, 4);
    assert.equal(result.node, store.stat('c').node);
    assert.deepEqual(store.paths().slice(4), ['c/', 'c/b/', 'c/b/f', 'c/l -> b/f']);
    const commits = await store.fs.commits(store.volume, { seq: result.seq - 3, limit: 10 });
    assert.equal(commits.length, 1);
    await assertLasting(store);
  });
});

describe('foldDentry()', () => {
  const FILE = NodeKind.FILE;
  const DIRECTORY = NodeKind.DIRECTORY;

  /** A tree made by hand: directories 1 and 2 (inside 1), file 3 in 1, and file 4, removed. */
  function handMade(): (dentry: DentryInit) => EntryTable {
    const database = new DatabaseSync(':memory:');
    database.exec(FS_SCHEMA);
    const entries = new EntryTable(database);
    const state = new StateFold(database);
    let seq = 1;
    const digest = new Uint8Array(32);
    const pin = { log: digest, root: digest, content: digest, logCount: 1n };
    const fold = (dentry: DentryInit): EntryTable => {
      const pinned = dentry.kind === FILE ? { ...pin, ...dentry } : dentry;
      foldDentry({ entries, state, last: new LastDirectory() }, { volume: 7, seq }, pinned);
      seq += 1;
      return entries;
    };
    fold({ parent: 0n, name: 'd', kind: DIRECTORY });
    fold({ parent: 1n, name: 'e', kind: DIRECTORY });
    fold({ parent: 1n, name: 'f', kind: FILE });
    fold({ parent: 0n, name: 'g', kind: FILE });
    fold({ parent: 0n, name: 'g', kind: FILE, node: 4n, removed: true });
    return fold;
  }

  it('takes what a writer makes', () => {
    const entries = handMade()({ parent: 2n, name: 'moved', kind: FILE, node: 3n });
    assert.equal(entries.byName({ volume: 7, parent: 2, name: 'moved' })?.node, 3);
    assert.equal(entries.byName({ volume: 7, parent: 1, name: 'f' }), undefined);
  });

  const bad: Readonly<Record<string, DentryInit>> = {
    'an unknown parent': { parent: 9n, name: 'x', kind: FILE },
    'a parent that is a file': { parent: 3n, name: 'x', kind: FILE },
    'a parent that was removed': { parent: 4n, name: 'x', kind: FILE },
    'an unknown node': { parent: 0n, name: 'x', node: 9n, kind: FILE },
    'a node of the future': { parent: 0n, name: 'x', node: 100n, kind: FILE },
    'the root directory as a node': { parent: 1n, name: 'x', node: 0n, kind: DIRECTORY },
    'a cycle of one': { parent: 1n, name: 'x', node: 1n, kind: DIRECTORY },
    'a cycle of two': { parent: 2n, name: 'x', node: 1n, kind: DIRECTORY },
    'a change of kind': { parent: 0n, name: 'x', node: 3n, kind: DIRECTORY },
    'a change of kind at an undelete': { parent: 0n, name: 'g', node: 4n, kind: DIRECTORY },
    'no kind': { parent: 0n, name: 'x' },
    'the removal of an unknown node': { parent: 0n, name: 'x', node: 9n, removed: true },
    'the removal of a removed node': { parent: 0n, name: 'g', node: 4n, removed: true },
    'the removal of no node': { parent: 0n, name: 'x', removed: true },
    'an empty name': { parent: 0n, name: '', kind: FILE },
    'a name with a slash': { parent: 0n, name: 'a/b', kind: FILE },
    'a name that leads upwards': { parent: 0n, name: '..', kind: FILE },
  };
  for (const [what, dentry] of Object.entries(bad)) {
    it(`refuses ${what} as corrupt`, () => {
      const fold = handMade();
      assert.throws(
        () => fold(dentry),
        (error: unknown) => isGdpfsError(error, 'corrupt'),
      );
    });
  }
});
