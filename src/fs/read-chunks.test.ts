import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { crc32, sha256 } from '../base/digest.ts';
import { alignedBytes } from '../base/direct-io.ts';
import { LIMITS } from '../base/limits.ts';
import type { Chunk } from '../format/manifest.ts';
import { BETWEEN_CHUNKS_BYTES } from '../log/chunk-reader.ts';
import { ROOM_BYTES } from '../storage/segment-files.ts';
import { Random } from '../../test/support/random.ts';
import { openTestStore, outcome, type TestStore } from '../../test/support/store.ts';

const SEED = 7;

async function store(on: TestStore, data: Uint8Array): Promise<Chunk> {
  const chunk = { offset: 0, length: data.length, checksum: crc32(data), digest: sha256(data) };
  await on.fs.putChunk(on.volume, chunk, data);
  return chunk;
}

describe('readChunks()', () => {
  it('gives chunks in the order they are asked for, near and far ones, some twice', async () => {
    await using opened = await openTestStore();
    const random = new Random(SEED);
    const chunks: { chunk: Chunk; data: Uint8Array }[] = [];
    for (let count = 0; count < 60; count += 1) {
      // Some lie further apart than one read reaches over, and all together than one read takes.
      const isLarge = count % 10 === 0;
      const size = isLarge ? LIMITS.readSpanBytesMax / 5 : random.integer(1, 5000);
      const data = new Uint8Array(size).fill(count);
      chunks.push({ chunk: await store(opened, data), data });
    }
    const wanted = Array.from({ length: 100 }, () => random.pick(chunks)).filter(
      (each) => each !== undefined,
    );
    const read = await opened.fs.readChunks(
      opened.volume,
      wanted.map(({ chunk }) => chunk),
    );
    assert.deepEqual(
      read,
      wanted.map(({ data }) => data),
    );
    assert.deepEqual(await opened.fs.readChunks(opened.volume, []), []);
  });

  it('gives them as they lie in the store, with nothing of any other chunk between them', async () => {
    await using opened = await openTestStore();
    const chunks: { chunk: Chunk; data: Uint8Array }[] = [];
    for (let count = 1; count <= 30; count += 1) {
      const data = new Uint8Array(1000 + count).fill(count);
      chunks.push({ chunk: await store(opened, data), data });
    }
    // Two that are neighbors, one alone, and the same once more.
    const wanted = [4, 5, 20, 4].map((index) => chunks[index]).filter((each) => each !== undefined);
    const taken: number[] = [];
    const { pieces, places } = await opened.fs.readSpans(
      opened.volume,
      wanted.map(({ chunk }) => chunk),
      (length) => {
        taken.push(length);
        return new Uint8Array(length);
      },
    );
    const bytes = Buffer.concat(pieces);
    for (const [index, { data }] of wanted.entries()) {
      const place = places[index] ?? 0;
      assert.deepEqual(bytes.subarray(place, place + data.length), Buffer.from(data));
    }
    for (const { data } of chunks.filter((each) => !wanted.includes(each))) {
      assert(!bytes.includes(Buffer.from(data.subarray(0, 100))));
    }
    assert(taken.length > 0);
    assert.deepEqual(
      await opened.fs.readSpans(opened.volume, [], (length) => new Uint8Array(length)),
      { pieces: [], places: [] },
    );
  });

  it('gives many that came together, also where some have changed places with others of their length', async () => {
    await using opened = await openTestStore();
    const chunks: { chunk: Chunk; data: Uint8Array }[] = [];
    for (let count = 0; count < 100; count += 1) {
      const data = new Uint8Array(500).fill(count);
      chunks.push({ chunk: await store(opened, data), data });
    }
    // Each where another one of its length would lie.
    const swapped = chunks.map((each, index) => {
      const other = new Map([
        [40, 41],
        [41, 40],
        [50, 60],
        [60, 50],
      ]).get(index);
      return other === undefined ? each : (chunks[other] ?? each);
    });
    const spread = swapped.toSpliced(70, 1);
    const shifted = [...swapped.slice(1), ...swapped.slice(0, 1)];
    for (const wanted of [chunks, swapped, shifted, spread]) {
      const { pieces, places } = await opened.fs.readSpans(
        opened.volume,
        wanted.map(({ chunk }) => chunk),
        (length) => new Uint8Array(length),
      );
      const bytes = Buffer.concat(pieces);
      for (const [index, { data }] of wanted.entries()) {
        const place = places[index] ?? 0;
        assert.deepEqual(bytes.subarray(place, place + data.length), Buffer.from(data), `${index}`);
      }
      const others = chunks.filter((each) => !wanted.includes(each));
      for (const { data } of others) assert(!bytes.includes(Buffer.from(data)));
    }
  });

  it('fails as a whole if one of them is not there or not what it should be', async () => {
    await using opened = await openTestStore();
    const good = await store(opened, new Uint8Array(100).fill(1));
    const absent = { ...good, digest: sha256(new Uint8Array(1)) };
    const lied = { ...good, checksum: good.checksum + 1 };
    for (const bad of [absent, lied, { ...good, length: 99 }]) {
      assert.equal(await outcome(opened.fs.readChunks(opened.volume, [good, bad])), 'corrupt');
    }
    assert.equal(await outcome(opened.fs.readChunks(opened.volume, [good])), 'ok');
  });
});

describe('chunkRuns()', () => {
  it('groups what lies one behind the other, as far as asked for, to be read at once', async () => {
    await using opened = await openTestStore();
    const size = 70_000;
    const chunks: Chunk[] = [];
    for (let count = 0; count < 8; count += 1) {
      chunks.push(await store(opened, new Uint8Array(size + count).fill(count)));
    }
    const all = [0, 1, 2, 3, 5, 6, 4, 4, 3];
    const wanted = all.map((index) => chunks[index]).filter((chunk) => chunk !== undefined);
    const bytesMax = 3 * size + 3;
    const runs = opened.fs.chunkRuns(opened.volume, wanted, bytesMax);
    const indexes = runs.map((run) => run.chunks.map((chunk) => chunks.indexOf(chunk)));
    assert.deepEqual(indexes, [[0, 1, 2], [3], [5, 6], [4], [4], [3]]);
    const alone = opened.fs.chunkRuns(opened.volume, wanted, 1);
    assert.deepEqual(
      alone.map((run) => run.chunks),
      wanted.map((chunk) => [chunk]),
    );
    const room = alignedBytes(bytesMax + 2 * BETWEEN_CHUNKS_BYTES + ROOM_BYTES);
    assert(room !== undefined);
    for (const run of runs) {
      const found = await opened.fs.readRun(run, room);
      // What is before each is the reader's.
      for (const { data } of found) {
        const start = data.byteOffset - room.byteOffset;
        room.fill(0xff, start - BETWEEN_CHUNKS_BYTES, start);
      }
      for (const { chunk, data } of found) {
        assert.equal(data.buffer, room.buffer);
        assert.deepEqual(data, new Uint8Array(chunk.length).fill(chunks.indexOf(chunk)));
      }
    }
  });

  it('fails if one of them is not there', async () => {
    await using opened = await openTestStore();
    const good = await store(opened, new Uint8Array(100).fill(1));
    const absent = { ...good, digest: sha256(new Uint8Array(1)) };
    const runs = async (): Promise<unknown> =>
      opened.fs.chunkRuns(opened.volume, [good, absent], LIMITS.chunkBytesMax);
    assert.equal(await outcome(runs()), 'corrupt');
  });
});
