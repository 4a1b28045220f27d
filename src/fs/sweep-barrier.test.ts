import assert from 'node:assert/strict';
import { setImmediate } from 'node:timers/promises';
import { describe, it } from 'node:test';
import { Random } from '../../test/support/random.ts';
import { ALICE, fileOf, newMeta, openTestStore, type TestStore } from '../../test/support/store.ts';
import { crc32, sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { encodeFchunk } from '../format/records.ts';
import type { StoredChunk } from '../log/engine.ts';

const SEGMENTS = {
  segmentBytesMax: 400_000,
  segmentEntriesMax: 200,
  segmentQueueBytesMax: 400_000,
  paddedFrameBytesMin: 30_000,
};
const CHUNK_BYTES = 70_000;
/** Later than anything is remembered that was relied on. */
const LONG_MS = 3600 * 1000;
/** Turns of the event loop after the beginning of a sweep, which takes some of these. */
const TURNS = [0, 1, 2, 3, 5, 8, 12, 20, 40];

const CALLER = { principal: ALICE.author, readsAll: true };

/** Content that was in a file, which is gone. */
async function pastChunk(store: TestStore, random: Random): Promise<StoredChunk> {
  const data = random.bytes(CHUNK_BYTES);
  await store.put('past', data);
  await store.apply({ kind: 'remove', path: 'past' });
  store.clock.advance(LONG_MS);
  return { digest: sha256(data), data, checksum: crc32(data) };
}

/** What a client does that has the chunk, and knows that the volume may have it. */
type Client = (store: TestStore, chunk: StoredChunk) => Promise<void>;

async function turns(count: number): Promise<void> {
  for (let left = count; left > 0; left--) await setImmediate();
}

function recordOf({ digest, data }: StoredChunk, offset = 0): Uint8Array {
  return encodeFchunk({ offset, length: data.length, checksum: crc32(data), digest });
}

/** Asks, sends what is missing, commits; and sends again what is missing then. */
async function upload(store: TestStore, chunk: StoredChunk): Promise<void> {
  const { fs, volume } = store;
  const opened = await fs.openUpload({
    volume,
    principal: ALICE.author,
    path: 'file',
    size: chunk.data.length,
    chunkSize: CHUNK_BYTES,
  });
  for (;;) {
    const missing = await fs.missing(volume, [chunk.digest], { ...CALLER, upload: opened });
    if (missing.length > 0) await fs.putChunk(volume, chunk, chunk.data, opened);
    await turns(2);
    try {
      const file = { records: [newMeta(), recordOf(chunk)], claimant: CALLER };
      await store.apply({ kind: 'put', path: 'file', file });
      break;
    } catch (error) {
      if (!isGdpfsError(error, 'chunk_missing')) throw error;
    }
  }
  await fs.closeUpload(opened);
}

/** A body with all content, of which the server stores what it lacks. Nothing may be missing then. */
async function bulk(store: TestStore, chunk: StoredChunk): Promise<void> {
  await store.fs.putChunks(store.volume, [chunk]);
  await turns(2);
  const file = { records: [newMeta(), recordOf(chunk)] };
  await store.apply({ kind: 'many', changes: [{ kind: 'put', path: 'file', file }] });
}

async function append(store: TestStore, chunk: StoredChunk): Promise<void> {
  await store.put('file', 'first');
  const { content } = fileOf(store.stat('file'));
  await store.fs.putChunk(store.volume, chunk, chunk.data);
  await turns(2);
  await store.extend('file', [recordOf(chunk, 5)], content);
}

const CLIENTS: Readonly<Record<string, Client>> = { upload, bulk, append };

describe('a chunk that is wanted in the moment in which it would be freed', () => {
  for (const [name, client] of Object.entries(CLIENTS)) {
    it(`is there when a client has committed a file that names it: ${name}`, async () => {
      await using store = await openTestStore({ segmentLimits: SEGMENTS });
      await store.policies.change(store.volume, { kind: 'history', days: 0 }, ALICE);
      const random = new Random(name.length);
      for (const count of TURNS) {
        const chunk = await pastChunk(store, random);
        const collecting = store.collection.run({ dryRun: false, unattended: false });
        await turns(count);
        await client(store, chunk);
        await collecting;
        assert.deepEqual((await store.read('file')).slice(-CHUNK_BYTES), chunk.data);
        await store.apply({ kind: 'remove', path: 'file' });
      }
      const kept = await pastChunk(store, random);
      await client(store, kept);
      assert.equal((await store.collection.run({ dryRun: false, unattended: false })).postponed, 0);
      assert.deepEqual((await store.read('file')).slice(-CHUNK_BYTES), kept.data);
      await store.reopen({ rebuild: true });
      assert.deepEqual((await store.read('file')).slice(-CHUNK_BYTES), kept.data);
    });
  }

  it('is missing afterwards, if nobody wanted it', async () => {
    await using store = await openTestStore({ segmentLimits: SEGMENTS });
    await store.policies.change(store.volume, { kind: 'history', days: 0 }, ALICE);
    const { digest } = await pastChunk(store, new Random(1));
    const { chunks } = await store.collection.run({ dryRun: false, unattended: false });
    assert.equal(chunks, 1);
    assert.deepEqual(await store.fs.missing(store.volume, [digest], CALLER), [0]);
  });

  it('is kept as long as an upload is open that was told of it before', async () => {
    await using store = await openTestStore({ segmentLimits: SEGMENTS });
    await store.policies.change(store.volume, { kind: 'history', days: 0 }, ALICE);
    const chunk = await pastChunk(store, new Random(2));
    const { fs, volume } = store;
    const opened = await fs.openUpload({
      volume,
      principal: ALICE.author,
      path: 'file',
      size: CHUNK_BYTES,
      chunkSize: CHUNK_BYTES,
    });
    assert.deepEqual(await fs.missing(volume, [chunk.digest], { ...CALLER, upload: opened }), []);
    store.clock.advance(LONG_MS);
    assert.equal((await store.collection.run({ dryRun: false, unattended: false })).chunks, 0);
    await fs.closeUpload(opened);
    assert.equal((await store.collection.run({ dryRun: false, unattended: false })).chunks, 1);
  });
});
