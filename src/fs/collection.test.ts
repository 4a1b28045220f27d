import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { anyStep, assertMade, FIRST_STEPS, KeptWorld } from '../../test/support/kept-world.ts';
import { fc } from '../../test/support/property.ts';
import {
  ALICE,
  newMeta,
  openTestStore,
  outcome,
  type TestStore,
} from '../../test/support/store.ts';
import { crc32, sha256 } from '../base/digest.ts';
import { LogKind } from '../format/generated/gdpfs_pb.js';
import { FRAME_HEADER_BYTES } from '../format/segment.ts';
import { encodeFchunk } from '../format/records.ts';
import { LIMITS } from '../base/limits.ts';
import type { CollectionReport } from './collection.ts';
import type { Moment } from './types.ts';

const DAY_MS = 24 * 3600 * 1000;
const SEGMENTS = {
  segmentBytesMax: 400_000,
  segmentEntriesMax: 200,
  segmentQueueBytesMax: 400_000,
  paddedFrameBytesMin: 30_000,
};
const RUNS = 10;
const STEPS = { minLength: 20, maxLength: 40, size: 'max' } as const;
/** How often a piece of some letters is repeated: a chunk is some thousand bytes then. */
const TIMES = 10_000;

const at = (seq: number): Moment => ({ kind: 'seq', seq });

async function collect(store: TestStore, dryRun = false): Promise<CollectionReport> {
  return await store.collection.run({ dryRun, unattended: false });
}

async function keepDays(store: TestStore, days: number): Promise<void> {
  await store.policies.change(store.volume, { kind: 'history', days }, ALICE);
}

/** Content that nobody else has. */
function bytes(letter: string, length = 200_000): Uint8Array {
  return new Uint8Array(length).fill(letter.charCodeAt(0));
}

function diskBytes(store: TestStore): number {
  const folder = join(store.directory, 'segments');
  const sizes = readdirSync(folder).map((name) => statSync(join(folder, name)).blocks * 512);
  return sizes.reduce((sum, size) => sum + size, 0);
}

describe('freeing space', () => {
  it('takes what no kept state names from the disk, and nothing else', async () => {
    await using store = await openTestStore({ segmentLimits: SEGMENTS });
    await keepDays(store, 1);
    await store.put('kept', bytes('k'));
    await store.put('gone', bytes('g'));
    await store.put('changed', bytes('o'));
    const { seq: old } = store;
    await store.apply({ kind: 'remove', path: 'gone' });
    await store.put('changed', bytes('n'));
    const { seq } = store;
    assert.equal((await collect(store)).bytes, 0, 'a day has not passed');
    store.clock.advance(DAY_MS);
    const before = diskBytes(store);
    const planned = await collect(store, true);
    assert.deepEqual([planned.chunks, planned.trimmed], [2, 1]);
    assert.equal(diskBytes(store), before, 'nothing was freed');
    assert.deepEqual(await store.read('gone', at(old)), bytes('g'), 'nor trimmed');
    const { chunks, trimmed, files, spared } = await collect(store);
    assert.deepEqual(
      { chunks, trimmed, files, spared },
      { chunks: 2, trimmed: 1, files: 2, spared: [] },
    );
    assert.ok(diskBytes(store) < before - 350_000, 'the disk has it');
    for (const rebuild of [false, true]) {
      await store.reopen({ rebuild });
      assert.deepEqual(store.paths(at(seq)), ['changed', 'kept']);
      assert.deepEqual(await store.read('kept'), bytes('k'));
      assert.deepEqual(await store.read('changed'), bytes('n'));
      assert.equal(await outcome(store.read('gone', at(old))), 'trimmed');
      const { chunks: more, trimmed: again } = await collect(store);
      assert.deepEqual([more, again], [0, 0], 'there is nothing left to do');
    }
  });

  it('that nobody watches does not believe a clock that leaps', async () => {
    await using store = await openTestStore({ segmentLimits: SEGMENTS });
    await store.put('gone', bytes('g'));
    const { seq } = store;
    await store.apply({ kind: 'remove', path: 'gone' });
    store.clock.advance(3650 * DAY_MS);
    const { trimmed, chunks } = await store.collection.run({ dryRun: false, unattended: true });
    assert.deepEqual([trimmed, chunks], [0, 0]);
    await store.reopen({ rebuild: false });
    await store.collection.run({ dryRun: false, unattended: true });
    assert.deepEqual(await store.read('gone', at(seq)), bytes('g'), 'nor after a restart');
    const { chunks: freed } = await collect(store);
    assert.equal(freed, 1, 'whoever asks for it says that the clock is right');
  });

  it('of a volume that keeps no history leaves what is there now, and named states', async () => {
    await using store = await openTestStore({ segmentLimits: SEGMENTS });
    await store.put('a', bytes('1'));
    await store.put('b', bytes('b'));
    await store.policies.change(store.volume, { kind: 'snapshot', name: 'v1' }, ALICE);
    await store.put('a', bytes('2'));
    await store.put('a', bytes('3'));
    await store.apply({ kind: 'mkdir', path: 'd' });
    await store.put('d/c', bytes('c'));
    await store.apply({ kind: 'remove', path: 'd', recursive: true });
    await keepDays(store, 0);
    // Within the same millisecond, the state of that moment is not yet over.
    store.clock.advance(1);
    assert.equal((await collect(store)).chunks, 2);
    assert.deepEqual(await store.read('a'), bytes('3'));
    const v1 = { kind: 'snapshot', name: 'v1' } as const;
    assert.deepEqual(await store.read('a', v1), bytes('1'));
    await store.policies.change(store.volume, { kind: 'forget', name: 'v1' }, ALICE);
    store.clock.advance(1);
    assert.equal((await collect(store)).chunks, 1);
    assert.deepEqual(await store.read('b'), bytes('b'));
    await store.checkClosed();
  });

  it('brings a directory back as a named state had it, if only that one keeps it', async () => {
    await using store = await openTestStore({ segmentLimits: SEGMENTS });
    await keepDays(store, 0);
    await store.apply({ kind: 'mkdir', path: 'd' });
    await store.put('d/named', bytes('n'));
    await store.policies.change(store.volume, { kind: 'snapshot', name: 'v1' }, ALICE);
    await store.put('d/later', bytes('l'));
    await store.apply({ kind: 'remove', path: 'd', recursive: true });
    store.clock.advance(1);
    assert.equal((await collect(store)).chunks, 1);
    const moment = { kind: 'snapshot', name: 'v1' } as const;
    await store.apply({ kind: 'restore', path: 'd', at: moment });
    assert.deepEqual(store.paths(), ['d/', 'd/named']);
    assert.deepEqual(await store.read('d/named'), bytes('n'));
    await store.checkClosed();
  });

  it('frees all of a volume that was removed', async () => {
    await using store = await openTestStore({ segmentLimits: SEGMENTS });
    await store.put('a', bytes('a'));
    await store.put('b', bytes('b'));
    await store.fs.removeVolume(store.volume, { force: true }, ALICE);
    const { chunks, files } = await collect(store);
    assert.deepEqual({ chunks, files }, { chunks: 2, files: 0 });
    await store.checkClosed();
  });

  it('keeps what an unfinished upload has sent, until it is too old', async () => {
    await using store = await openTestStore({ segmentLimits: SEGMENTS });
    const { volume, fs } = store;
    const options = { principal: 'alice', volume, path: 'u', chunkSize: 1, size: 200_000 };
    const upload = await fs.openUpload(options);
    const { records, digest } = fileOf(bytes('u'));
    await fs.putChunk(volume, { digest }, bytes('u'), upload);
    // What no file has used is as old as the commits behind it.
    await store.put('later', 'l');
    store.clock.advance(LIMITS.uploadIdleMs - 1);
    assert.deepEqual(pick(await collect(store)), { chunks: 0, uploads: 0 });
    store.clock.advance(2);
    assert.deepEqual(pick(await collect(store)), { chunks: 1, uploads: 1 });
    const change = { kind: 'put', path: 'u', file: { records } } as const;
    assert.equal(await outcome(store.apply(change)), 'chunk_missing');
    await fs.putChunk(volume, { digest }, bytes('u'));
    await store.apply(change);
    assert.deepEqual(await store.read('u'), bytes('u'));
  });

  it('frees nothing of a volume in which some file cannot be read, but of all others', async () => {
    await using store = await openTestStore({ segmentLimits: SEGMENTS });
    await keepDays(store, 0);
    await store.put('a', bytes('1'));
    await store.put('a', bytes('2'));
    const init = { alias: 'other', owner: 'alice', chunking: 'fixed' } as const;
    const { name } = await store.fs.createVolume(init, ALICE);
    const { records, digest } = fileOf(bytes('o'));
    await store.fs.putChunk(name, { digest }, bytes('o'));
    await store.fs.apply(name, { kind: 'put', path: 'o', file: { records } }, ALICE);
    await store.fs.removeVolume(name, { force: true }, ALICE);
    // What waits comes into the index.
    await store.reopen();
    store.clock.advance(1);
    using index = new DatabaseSync(join(store.directory, 'index.sqlite'));
    index.exec('DELETE FROM log_part WHERE volume = (SELECT min(volume) FROM entry)');
    const { spared, chunks } = await collect(store);
    assert.deepEqual(
      spared.map((volume) => volume.name),
      [store.volume],
    );
    assert.match(spared[0]?.reason ?? '', /records are missing/);
    assert.equal(chunks, 1, 'that of the other');
    await store.reopen({ rebuild: true });
    assert.equal((await collect(store)).chunks, 1, 'what was replaced goes once it can be told');
    assert.deepEqual(await store.read('a'), bytes('2'));
  });

  it('is refused where the system log is damaged', async () => {
    await using store = await openTestStore({ segmentLimits: SEGMENTS });
    await keepDays(store, 0);
    await store.put('a', bytes('1'));
    await store.put('a', bytes('2'));
    store.clock.advance(1);
    assert.equal((await collect(store)).trimmed, 1);
    damageLastSystemCommit(store);
    await store.reopen({ rebuild: true });
    assert.equal(await outcome(collect(store)), 'read_only');
  });

  it('is done by one at a time', async () => {
    await using store = await openTestStore({ segmentLimits: SEGMENTS });
    const all = await Promise.all([outcome(collect(store)), outcome(collect(store))]);
    assert.deepEqual(all.sort(), ['busy', 'ok']);
    assert.equal(await outcome(collect(store)), 'ok');
  });

  it('leaves every kept state as it was, and refuses all others', async () => {
    const done = new Map<string, number>();
    const anySteps = fc.array(anyStep, STEPS);
    await fc.assert(
      fc.asyncProperty(anySteps, async (steps) => {
        await using store = await openTestStore({ segmentLimits: SEGMENTS });
        await keepDays(store, 1);
        const world = new KeptWorld(store, done, TIMES);
        for (const step of FIRST_STEPS) await world.step(step);
        for (const [index, step] of steps.entries()) {
          await world.step(step);
          if (index % 10 === 9) await collectAndCheck(world);
        }
        await store.checkClosed();
        await store.reopen({ rebuild: true });
        await checkStates(world);
      }),
      { numRuns: RUNS },
    );
    assertMade(done, { put: 20, rename: 5, remove: 5, extend: 5, name: 5, freed: 8, trimmed: 50 });
  });
});

/** One bit of it, where it lies: the one that says what was trimmed. */
function damageLastSystemCommit({ directory }: TestStore): void {
  using index = new DatabaseSync(join(directory, 'index.sqlite'));
  const { segment, offset } =
    index
      .prepare(
        `SELECT segment, offset FROM commit_frame
          WHERE volume = (SELECT id FROM volume WHERE kind = ${LogKind.SYSTEM})
          ORDER BY first_seq DESC LIMIT 1`,
      )
      .get() ?? assert.fail();
  const folder = join(directory, 'segments');
  const number = String(segment).padStart(10, '0');
  const name = readdirSync(folder).find((one) => one.startsWith(number)) ?? assert.fail();
  const bytes = readFileSync(join(folder, name));
  const place = Number(offset) + FRAME_HEADER_BYTES + 10;
  bytes.writeUInt8(bytes.readUInt8(place) ^ 1, place);
  writeFileSync(join(folder, name), bytes);
}

async function collectAndCheck(world: KeptWorld): Promise<void> {
  const { store } = world;
  // What was asked for lately is kept a while longer.
  store.clock.advance(2 * LIMITS.reliedOnMs);
  const { chunks, spared } = await collect(store);
  assert.deepEqual(spared, []);
  world.count('freed', chunks);
  await checkStates(world);
}

async function checkStates(world: KeptWorld): Promise<void> {
  const { store, states } = world;
  const trimSeq = store.system.view.trimSeq(store.volume);
  const kept = new Set(world.kept(trimSeq));
  for (const state of states) {
    if (!kept.has(state)) {
      assert.equal(
        await outcome(Promise.resolve().then(() => store.paths(at(state.seq)))),
        'trimmed',
      );
      world.count('trimmed');
      continue;
    }
    for (const [path, content] of state.contents) {
      assert.deepEqual(await store.read(path, at(state.seq)), content, `${path} at ${state.seq}`);
    }
  }
}

/** Records of a file of one chunk; nothing is stored. */
function fileOf(data: Uint8Array): { records: Uint8Array[]; digest: Uint8Array } {
  const digest = sha256(data);
  const fchunk = { offset: 0, length: data.length, checksum: crc32(data), digest };
  return { records: [newMeta(), encodeFchunk(fchunk)], digest };
}

function pick({ chunks, uploads }: CollectionReport): { chunks: number; uploads: number } {
  return { chunks, uploads };
}
