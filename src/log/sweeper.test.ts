import assert from 'node:assert/strict';
import { copyFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { FaultDisk } from '../../test/support/fault-disk.ts';
import { LogFixture } from '../../test/support/log-fixture.ts';
import { Random } from '../../test/support/random.ts';
import { methodsOf } from '../../test/support/small-segments.ts';
import { rejectsWith } from '../../test/support/rejects.ts';
import { sha256 } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Disk, DiskFile } from '../storage/disk.ts';
import type { StoredChunk } from './engine.ts';
import type { SweepResult } from './sweep.ts';

const SMALL = {
  segmentBytesMax: 200_000,
  segmentEntriesMax: 60,
  segmentQueueBytesMax: 400_000,
  paddedFrameBytesMin: 30_000,
};
const CHUNK_BYTES = 20_000;

/** Chunks of which all are used by files. */
interface World {
  readonly fixture: LogFixture;
  readonly chunks: readonly StoredChunk[];
}

async function openWorld(context: TestContext, count = 40, disk?: Disk): Promise<World> {
  const fixture = await LogFixture.open({ segmentLimits: SMALL, ...(disk && { disk }) });
  context.after(async () => fixture[Symbol.asyncDispose]());
  const random = new Random(count);
  const chunks = Array.from({ length: count }, () => chunkOf(random.bytes(CHUNK_BYTES)));
  for (let start = 0; start < count; start += 4) {
    await use(fixture, chunks.slice(start, start + 4));
  }
  return { fixture, chunks };
}

function chunkOf(data: Uint8Array): StoredChunk {
  return { digest: sha256(data), data };
}

/** Stores them, and commits something that names them. */
async function use(fixture: LogFixture, chunks: readonly StoredChunk[]): Promise<void> {
  const { engine, id, log } = fixture;
  await engine.appendChunks(log, chunks);
  await engine.run((transaction) => {
    for (const { digest } of chunks) transaction.useChunk(id, digest);
    fixture.append(transaction, 'file');
  });
}

/** Frees all but those. */
async function keepOnly(
  { engine, id }: LogFixture,
  kept: readonly StoredChunk[],
  options: { readonly dryRun?: boolean; readonly spared?: readonly number[] } = {},
): Promise<SweepResult> {
  const sweep = await engine.beginSweep();
  try {
    for (const { digest } of kept) sweep.kept.add(id, digest);
    const spared = new Set(options.spared);
    return await sweep.free({ spared, dryRun: options.dryRun === true });
  } finally {
    sweep.end();
  }
}

/** Digests of those that can be read, all of whose bytes are right. */
async function readable(
  { engine, id }: LogFixture,
  chunks: readonly StoredChunk[],
): Promise<Uint8Array[]> {
  const found: Uint8Array[] = [];
  for (const { digest, data } of chunks) {
    if (engine.chunks.row(id, digest)?.location === undefined) continue;
    const chunk = { offset: 0, length: data.length, checksum: 0, digest };
    const bytes = await engine.chunkReader.read(id, chunk, { check: 'length' });
    assert.deepEqual(bytes, data);
    found.push(digest);
  }
  return found;
}

function digestsOf(chunks: readonly StoredChunk[]): Uint8Array[] {
  return chunks.map(({ digest }) => digest);
}

/** Bytes that the segments take of the disk. */
function diskBytes({ directory }: LogFixture): number {
  const folder = join(directory, 'segments');
  return readdirSync(folder).reduce((sum, name) => {
    return sum + statSync(join(folder, name)).blocks * 512;
  }, 0);
}

test('a sweep frees the chunks that are not kept, and leaves all others where they are', async (context) => {
  const { fixture, chunks } = await openWorld(context);
  // The last ones are in the segment that is open, too few to seal it for.
  const kept = chunks.filter((_, index) => index % 2 === 0 || index >= 36);
  const places = kept.map(({ digest }) => fixture.engine.chunks.find(fixture.id, digest));
  const before = diskBytes(fixture);
  const result = await keepOnly(fixture, kept);
  assert.equal(result.chunks, 18);
  assert(result.bytes > 13 * CHUNK_BYTES, `freed ${result.bytes}`);
  assert(before - diskBytes(fixture) > 13 * CHUNK_BYTES);
  assert.deepEqual(await readable(fixture, chunks), digestsOf(kept));
  assert.deepEqual(
    kept.map(({ digest }) => fixture.engine.chunks.find(fixture.id, digest)),
    places,
  );
  const again = await keepOnly(fixture, kept);
  assert.deepEqual([again.rewritten, again.chunks, again.bytes], [0, 0, 0]);
  for (const rebuild of [false, true]) {
    await fixture.reopen(rebuild);
    assert.deepEqual(await readable(fixture, chunks), digestsOf(kept));
  }
});

test('a sweep that is only tried says what it would free, and changes nothing', async (context) => {
  const { fixture, chunks } = await openWorld(context);
  const before = diskBytes(fixture);
  const tried = await keepOnly(fixture, [], { dryRun: true });
  assert.equal(diskBytes(fixture), before);
  assert.deepEqual(await readable(fixture, chunks), digestsOf(chunks));
  const done = await keepOnly(fixture, []);
  assert.deepEqual([tried.chunks, tried.rewritten], [done.chunks, done.rewritten]);
  assert(Math.abs(tried.bytes - done.bytes) < done.bytes / 10, `${tried.bytes}, ${done.bytes}`);
});

test('a sweep frees nothing of volumes that are spared', async (context) => {
  const { fixture, chunks } = await openWorld(context);
  const result = await keepOnly(fixture, [], { spared: [fixture.id] });
  assert.deepEqual([result.rewritten, result.bytes], [0, 0]);
  assert.deepEqual(await readable(fixture, chunks), digestsOf(chunks));
});

test('a segment of which little would be freed is left as it is', async (context) => {
  const { fixture, chunks } = await openWorld(context);
  const result = await keepOnly(fixture, chunks.slice(1));
  assert.deepEqual([result.rewritten, result.chunks], [0, 0]);
});

test('one sweep at a time is under way', async (context) => {
  const { fixture } = await openWorld(context, 4);
  const sweep = await fixture.engine.beginSweep();
  await rejectsWith(fixture.engine.beginSweep(), 'busy');
  sweep.end();
  await rejectsWith(sweep.free({ spared: new Set(), dryRun: false }), 'internal');
  (await fixture.engine.beginSweep()).end();
});

test('the segment that is open is sealed when much of it is free', async (context) => {
  const { fixture, chunks } = await openWorld(context, 6);
  const kept = chunks.slice(0, 2);
  const result = await keepOnly(fixture, kept);
  assert.deepEqual([result.rewritten, result.chunks], [1, 4]);
  assert.deepEqual(await readable(fixture, chunks), digestsOf(kept));
  await use(fixture, chunks);
  await fixture.reopen();
  assert.deepEqual(await readable(fixture, chunks), digestsOf(chunks));
});

test('a chunk that comes again after it was freed is stored again, and freed again', async (context) => {
  const { fixture, chunks } = await openWorld(context, 20);
  for (let round = 0; round < 3; round++) {
    await keepOnly(fixture, chunks.slice(15));
    assert.deepEqual(await readable(fixture, chunks.slice(0, 10)), []);
    await use(fixture, chunks.slice(0, 10));
    await fixture.reopen();
    assert.deepEqual(await readable(fixture, chunks.slice(0, 10)), digestsOf(chunks.slice(0, 10)));
    assert.deepEqual(await readable(fixture, chunks.slice(15)), digestsOf(chunks.slice(15)));
  }
});

test('whoever is told of a chunk, stores it or names it during a sweep, keeps it', async (context) => {
  const { fixture, chunks } = await openWorld(context, 24);
  const { engine, id } = fixture;
  const ways: readonly ((chunk: StoredChunk) => unknown)[] = [
    ({ digest }) => engine.chunks.lookUp(id, digest),
    ({ digest }) => engine.chunks.dataLength(id, digest),
    async ({ digest }) =>
      engine.run((transaction) => {
        transaction.useChunk(id, digest);
        fixture.append(transaction, 'file');
      }),
    async (chunk) => engine.appendChunks(fixture.log, [chunk]),
  ];
  for (const [index, rely] of ways.entries()) {
    const chunk = chunks[index * 2] ?? assert.fail();
    const sweep = await engine.beginSweep();
    await rely(chunk);
    await sweep.free({ spared: new Set(), dryRun: false });
    sweep.end();
    assert.deepEqual(await readable(fixture, [chunk]), [chunk.digest]);
    await use(fixture, chunks);
  }
});

test('copies that nobody reads go with a segment that is written anew', async (context) => {
  const { fixture, chunks } = await openWorld(context, 12);
  const { engine, log } = fixture;
  await engine.appendChunks(log, chunks.slice(0, 2));
  await fixture.run('later');
  const kept = [...chunks.slice(0, 2), ...chunks.slice(6)];
  // Of the first two the copies that came last are read, in the segment behind.
  assert.equal((await keepOnly(fixture, kept)).chunks, 6);
  assert.deepEqual(await readable(fixture, chunks), digestsOf(kept));
  await fixture.reopen(true);
  assert.deepEqual(await readable(fixture, kept), digestsOf(kept));
});

test('a chunk that nothing but reading asks for is freed all the same', async (context) => {
  const { fixture, chunks } = await openWorld(context, 12);
  const sweep = await fixture.engine.beginSweep();
  assert.equal((await readable(fixture, chunks)).length, 12);
  await sweep.free({ spared: new Set(), dryRun: false });
  sweep.end();
  assert.deepEqual(await readable(fixture, chunks.slice(0, 8)), []);
});

test('who was told of a chunk just before a sweep keeps it for some time', async (context) => {
  const { fixture, chunks } = await openWorld(context, 12);
  const [told] = chunks;
  assert(told);
  fixture.engine.chunks.tell(fixture.id, told.digest);
  fixture.nowMs += LIMITS.reliedOnMs;
  await keepOnly(fixture, []);
  assert.deepEqual(await readable(fixture, chunks.slice(0, 8)), [told.digest]);
  fixture.nowMs += 2 * LIMITS.reliedOnMs;
  await use(fixture, chunks.slice(1, 6));
  await keepOnly(fixture, []);
  assert.deepEqual(await readable(fixture, [told]), []);
});

test('a chunk that no file has used yet is freed once commits behind it are old', async (context) => {
  const { fixture, chunks } = await openWorld(context, 12);
  const { engine, log } = fixture;
  const fresh = Array.from({ length: 8 }, (_, index) =>
    chunkOf(new Uint8Array(CHUNK_BYTES).fill(index)),
  );
  await engine.appendChunks(log, fresh);
  await fixture.run('later');
  await keepOnly(fixture, []);
  assert.deepEqual(await readable(fixture, [...chunks.slice(0, 8), ...fresh]), digestsOf(fresh));
  fixture.nowMs += LIMITS.unusedChunkKeepMs - 1;
  await keepOnly(fixture, []);
  assert.deepEqual(await readable(fixture, fresh), digestsOf(fresh));
  fixture.nowMs += 1;
  await keepOnly(fixture, []);
  assert.deepEqual(await readable(fixture, fresh), []);
});

test('an index that is older than a sweep does not believe in what was freed', async (context) => {
  const { fixture, chunks } = await openWorld(context);
  const kept = chunks.filter((_, index) => index % 3 === 0);
  const index = join(fixture.directory, 'index.sqlite');
  await fixture.reopen();
  const copy = join(fixture.directory, 'older');
  const wal = fixture.opened;
  wal.writer.exec(`VACUUM INTO '${copy}'`);
  await keepOnly(fixture, kept);
  await fixture.whileClosed(() => {
    for (const suffix of ['-wal', '-shm']) rmSync(index + suffix, { force: true });
    copyFileSync(copy, index);
  });
  const all = chunks.slice(0, 36);
  assert.deepEqual(
    await readable(fixture, all),
    digestsOf(all.filter((one) => kept.includes(one))),
  );
  assert.deepEqual(await readable(fixture, kept), digestsOf(kept));
  const lost = fixture.opened.reader.prepare('SELECT count(*) AS n FROM chunk WHERE length < 0');
  assert.equal(lost.get()?.['n'], 0);
});

/** A disk that has no room for files that are written anew, but for so many bytes of each. */
function fullDisk(): { readonly disk: Disk; room: number } {
  const inner = methodsOf(new FaultDisk({ seed: 1 }));
  const open: Disk['open'] = async (path, options) => {
    const file = await inner.open(path, options);
    if (!path.endsWith('.seg.new')) return file;
    const write: DiskFile['write'] = async (parts, position) => {
      const size = parts.reduce((sum, { length }) => sum + length, 0);
      if (position + size > full.room) throw new GdpfsError('no_space', 'the disk is full');
      await file.write(parts, position);
    };
    return { ...file, write };
  };
  const full = { disk: { ...inner, open }, room: Number.POSITIVE_INFINITY };
  return full;
}

/** All that the index says of chunks. */
function rowsOf({ opened }: LogFixture): unknown[] {
  const sql = 'SELECT hex(digest) AS name, segment, offset, length, used FROM chunk ORDER BY name';
  return opened.reader.prepare(sql).all();
}

test('a disk that fills up while a segment is written anew changes nothing', async (context) => {
  const full = fullDisk();
  const { fixture, chunks } = await openWorld(context, 40, full.disk);
  const kept = chunks.filter((_, index) => index % 2 === 0);
  await fixture.reopen();
  const rows = rowsOf(fixture);
  for (const room of [0, 12_288, 100_000, 210_000]) {
    full.room = room;
    await rejectsWith(keepOnly(fixture, kept), 'no_space');
    assert.deepEqual(rowsOf(fixture), rows);
    assert.deepEqual(await readable(fixture, chunks), digestsOf(chunks));
  }
  await fixture.reopen();
  assert.deepEqual(rowsOf(fixture), rows);
  full.room = Number.POSITIVE_INFINITY;
  assert((await keepOnly(fixture, kept)).chunks > 10);
  assert.deepEqual(await readable(fixture, kept), digestsOf(kept));
});

test('on a full disk the segments of which least is kept come first', async (context) => {
  const disk = new FaultDisk({ seed: 2 });
  const { fixture, chunks } = await openWorld(context, 40, disk);
  // Of the first segments more is kept than there is room for, until others are free.
  const kept = chunks.filter((_, index) => index < 15 && index % 3 > 0);
  disk.setFreeBytes(LIMITS.freeBytesMin + 30_000);
  const result = await keepOnly(fixture, kept);
  assert(result.rewritten >= 3, `${result.rewritten}`);
  assert.equal(result.postponed, 0);
  assert.deepEqual(await readable(fixture, chunks), digestsOf(kept));
});

test('a sweep that finds no room at all says so', async (context) => {
  const disk = new FaultDisk({ seed: 3 });
  const { fixture, chunks } = await openWorld(context, 40, disk);
  await disk.remove('reserve');
  disk.setFreeBytes(0);
  await rejectsWith(keepOnly(fixture, chunks.slice(20)), 'no_space', /need \d+ bytes/);
  assert.deepEqual(await readable(fixture, chunks), digestsOf(chunks));
});

test('a sweep that is ended puts back what it has not freed', async (context) => {
  const { fixture, chunks } = await openWorld(context);
  const { engine, id } = fixture;
  const sweep = await engine.beginSweep();
  for (const { digest } of chunks.slice(20)) sweep.kept.add(id, digest);
  const ending = new AbortController();
  const reason = new Error('enough');
  const progress = (): void => ending.abort(reason);
  const { signal } = ending;
  await assert.rejects(sweep.free({ spared: new Set(), dryRun: false, signal, progress }), reason);
  sweep.end();
  // Twelve are in the first segment.
  assert.deepEqual(await readable(fixture, chunks), digestsOf(chunks.slice(12)));
  await fixture.reopen();
  await keepOnly(fixture, chunks.slice(20));
  assert.deepEqual(await readable(fixture, chunks), digestsOf(chunks.slice(20)));
});

test('a store that is closed in the middle of a sweep is whole', async (context) => {
  const { fixture, chunks } = await openWorld(context);
  const kept = chunks.filter((_, index) => index % 2 === 0);
  const sweep = await fixture.engine.beginSweep();
  for (const { digest } of kept) sweep.kept.add(fixture.id, digest);
  const freeing = sweep.free({ spared: new Set(), dryRun: false });
  const ended = assert.rejects(freeing, /is closed/);
  await fixture.reopen();
  await ended;
  assert.deepEqual(await readable(fixture, kept), digestsOf(kept));
});
