import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openTestStore, outcome, type TestStore } from '../../test/support/store.ts';
import { utf8Encode } from '../base/bytes.ts';
import { sha256 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import type { Upload } from './types.ts';

const FILE = { principal: 'alice', path: 'a/f', size: 12, chunkSize: 4 };

async function open(
  store: TestStore,
  other: Partial<Omit<Upload, 'id' | 'createdMs'>> = {},
): Promise<Upload> {
  return await store.fs.openUpload({ ...FILE, volume: store.volume, ...other });
}

async function send(store: TestStore, upload: Upload, text: string): Promise<Uint8Array> {
  const data = utf8Encode(text);
  const digest = sha256(data);
  await store.fs.putChunk(store.volume, { digest }, data, upload);
  return digest;
}

async function get(store: TestStore, id: string, principal: string): Promise<Upload> {
  return store.fs.upload(id, principal);
}

const inOrder = (digests: readonly Uint8Array[]): Uint8Array[] =>
  digests.toSorted((left, right) => Buffer.compare(left, right));

describe('uploads', () => {
  it('are found again by who opened them, for the same file', async () => {
    await using store = await openTestStore();
    const upload = await open(store);
    assert.deepEqual(await open(store), upload);
    assert.deepEqual(await get(store, upload.id, 'alice'), upload);
    const others = [
      await open(store, { principal: 'bob' }),
      await open(store, { path: 'a/g' }),
      await open(store, { size: 13 }),
      await open(store, { chunkSize: 5 }),
      await open(store, { base: sha256(utf8Encode('base')) }),
    ];
    assert.equal(new Set([upload, ...others].map(({ id }) => id)).size, 6);
    assert.equal(await outcome(get(store, upload.id, 'bob')), 'upload_not_found');
    assert.equal(await outcome(get(store, 'nothing', 'alice')), 'upload_not_found');
    await store.reopen();
    assert.deepEqual(await open(store), upload);
  });

  it('remember the digests that arrived, in pages, also after a restart', async () => {
    await using store = await openTestStore();
    const upload = await open(store);
    const digests = [];
    for (const text of ['one', 'two', 'three', 'two'])
      digests.push(await send(store, upload, text));
    const expected = inOrder(digests.slice(0, 3));
    await store.reopen();
    assert.deepEqual(await store.fs.arrived(upload, { limit: 10 }), expected);
    const first = await store.fs.arrived(upload, { limit: 2 });
    assert.deepEqual(first, expected.slice(0, 2));
    const last = first.at(-1);
    assert(last !== undefined);
    assert.deepEqual(await store.fs.arrived(upload, { after: last, limit: 2 }), expected.slice(2));
  });

  it('are gone when they are closed, and their chunks are not', async () => {
    await using store = await openTestStore();
    const upload = await open(store);
    const digest = await send(store, upload, 'one');
    await store.fs.closeUpload(upload);
    const next = await open(store);
    assert.notEqual(next.id, upload.id);
    assert.equal(await outcome(get(store, upload.id, 'alice')), 'upload_not_found');
    assert.deepEqual(await store.fs.arrived(upload, { limit: 10 }), []);
    assert.deepEqual(
      await store.fs.missing(store.volume, [digest, sha256(digest)], {
        principal: 'alice',
        readsAll: true,
      }),
      [1],
    );
  });

  it('may be lost with the index; the chunks are found again', async () => {
    await using store = await openTestStore();
    assert.equal(store.fs.isEmpty(store.volume), true);
    const upload = await open(store);
    const digest = await send(store, upload, 'one');
    await store.reopen({ rebuild: true });
    assert.equal(await outcome(get(store, upload.id, 'alice')), 'upload_not_found');
    assert.deepEqual(
      await store.fs.missing(store.volume, [digest], { principal: 'alice', readsAll: true }),
      [],
    );
    assert.equal(store.fs.isEmpty(store.volume), false);
  });

  it('end after their time', async () => {
    await using store = await openTestStore();
    const old = await open(store);
    store.clock.advance(LIMITS.uploadIdleMs + 1);
    await open(store, { path: 'another' });
    assert.equal(await outcome(get(store, old.id, 'alice')), 'upload_not_found');
  });
});
