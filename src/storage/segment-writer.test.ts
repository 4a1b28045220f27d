import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FaultDisk } from '../../test/support/fault-disk.ts';
import { Random } from '../../test/support/random.ts';
import { chunkFrame, openSegments, replayed } from '../../test/support/segments.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from '../format/segment.ts';
import { SegmentReader } from './segment-files.ts';
import { readTable } from './sealed-segment.ts';
import type { FrameInput, FrameLocation } from './segment-layout.ts';

const random = new Random(7);
const frame = (length = 100): ReturnType<typeof chunkFrame> => chunkFrame(random.bytes(length));
const FRAME_BYTES = FRAME_HEADER_BYTES + 64 + 100;

describe('append() costs', () => {
  it('one sync for all that comes in one turn, and none of a directory', async () => {
    const disk = new FaultDisk({ seed: 1 });
    const { store } = await openSegments(disk);
    const before = { ...disk.counts };
    await Promise.all(Array.from({ length: 500 }, async () => store.append([frame()])));
    assert.equal(disk.counts.sync - before.sync, 1);
    assert.equal(disk.counts.syncDirectory - before.syncDirectory, 0);
    // The frames, and the watermark.
    assert.equal(disk.counts.write - before.write, 2);
    await store.close();
  });

  it('one sync each for those who wait for the answer before the next', async () => {
    const disk = new FaultDisk({ seed: 2 });
    const { store } = await openSegments(disk);
    const before = disk.counts.sync;
    for (let count = 0; count < 10; count++) await store.append([frame()]);
    assert.equal(disk.counts.sync - before, 10);
    await store.close();
  });

  it('one more sync for all that comes while one is under way', async () => {
    const disk = new FaultDisk({ seed: 3 });
    const { store } = await openSegments(disk);
    const before = disk.counts.sync;
    const first = store.append([frame()]);
    while (disk.counts.sync === before) await new Promise((resolve) => setImmediate(resolve));
    await Promise.all([first, ...Array.from({ length: 50 }, async () => store.append([frame()]))]);
    assert.equal(disk.counts.sync - before, 2);
    await store.close();
  });

  it('no time in which nothing is written though something waits: who is told comes behind it', async () => {
    const disk = new FaultDisk({ seed: 3 });
    const { store } = await openSegments(disk);
    const before = { ...disk.counts };
    const first = store.append([frame()]).then(() => disk.counts.write - before.write);
    // Here it takes no turn of the event loop.
    while (disk.counts.sync === before.sync) await Promise.resolve();
    const second = store.append([frame()]);
    // Its frame and the watermark, and the second's frame.
    assert.equal(await first, 3);
    await second;
    await store.close();
  });

  it('two syncs of files and two of the directory for a new segment', async () => {
    const disk = new FaultDisk({ seed: 4 });
    const { store } = await openSegments(disk, { limits: { segmentEntriesMax: 1 } });
    await store.append([frame()]);
    const before = { ...disk.counts };
    await store.append([frame()]);
    // The sealed table, the new header, and the frame; the name of the one and of the other.
    assert.equal(disk.counts.sync - before.sync, 3);
    assert.equal(disk.counts.syncDirectory - before.syncDirectory, 2);
    await store.close();
  });
});

describe('append()', () => {
  it('places frames one behind the other, in the order of the calls', async () => {
    const disk = new FaultDisk({ seed: 5 });
    const { store } = await openSegments(disk);
    const groups = Array.from({ length: 40 }, (_, index) =>
      Array.from({ length: 1 + (index % 3) }, () => frame(1 + index)),
    );
    const placed = await Promise.all(groups.map(async (group) => store.append(group)));
    let end: number | undefined;
    for (const { offset, length } of placed.flat()) {
      if (end !== undefined) assert.equal(offset, end);
      end = offset + FRAME_HEADER_BYTES + length;
    }
    assert.equal(store.position.offset, end);
    await store.close();
    const { frames, store: again } = await openSegments(disk);
    const expected = groups
      .flat()
      .map((each, index) => replayed(each, placed.flat()[index] ?? assert.fail()));
    assert.deepEqual(frames, expected);
    await again.close();
  });

  it('writes groups larger than one write, whole', async () => {
    const disk = new FaultDisk({ seed: 6 });
    const { store } = await openSegments(disk);
    const data = Array.from({ length: 5 }, (_, index) =>
      new Uint8Array(LIMITS.segmentWriteBytesMax / 2 + index).fill(index),
    );
    const all = await Promise.all(data.map(async (each) => store.append([chunkFrame(each)])));
    for (const [index, [location]] of all.entries()) {
      assert(location);
      const payload = await store.readFrame(location);
      assert.deepEqual(Buffer.from(payload.subarray(64)), Buffer.from(data[index] ?? []));
    }
    await store.close();
  });

  it('refuses a frame over the limit, and nothing else', async () => {
    const { store } = await openSegments(new FaultDisk({ seed: 7 }));
    const part = new Uint8Array(LIMITS.frameBytesMax / 2);
    const large = { ...frame(), payload: [part, part, Uint8Array.of(1)] };
    await assert.rejects(store.append([large]), (error) => isGdpfsError(error, 'body_too_large'));
    await store.append([frame()]);
    await store.close();
  });

  it('lets writers wait while too many bytes are on their way', async () => {
    const limit = 2000;
    const disk = new FaultDisk({ seed: 8 });
    const { store } = await openSegments(disk, { limits: { segmentQueueBytesMax: limit } });
    const before = { syncs: disk.counts.sync, bytes: disk.bytesWritten };
    const total = 200;
    await Promise.all(Array.from({ length: total }, async () => store.append([frame()])));
    // Each group is at most what may wait, and the one frame that went over.
    const groups = disk.counts.sync - before.syncs;
    assert(groups >= Math.ceil((total * FRAME_BYTES) / (limit + FRAME_BYTES)), `${groups} groups`);
    assert(groups < total, 'still groups');
    await store.close();
  });

  it('is refused after close(), which finishes what was accepted', async () => {
    const disk = new FaultDisk({ seed: 9 });
    const { store } = await openSegments(disk, { limits: { segmentQueueBytesMax: 100 } });
    const appends = [frame(), frame(), frame()].map(async (each) => store.append([each]));
    const closed = store.close();
    const results = await Promise.allSettled([...appends, store.append([frame()])]);
    await closed;
    assert.equal(results[0]?.status, 'fulfilled');
    const refused = results.filter((result) => result.status === 'rejected');
    assert(refused.length > 0);
    for (const { reason } of refused) assert(isGdpfsError(reason, 'unavailable'));
    const { frames, store: again } = await openSegments(disk);
    assert.equal(frames.length, results.length - refused.length);
    await again.close();
    assert.equal(disk.openFiles, 0);
  });
});

describe('sealing', () => {
  it('ends a segment at its size, and lists in its table what it holds', async () => {
    const disk = new FaultDisk({ seed: 10 });
    const { store } = await openSegments(disk, {
      limits: { segmentBytesMax: SEGMENT_HEADER_BYTES + 10 * FRAME_BYTES },
    });
    const written: (FrameInput & FrameLocation)[] = [];
    for (let count = 0; count < 35; count++) {
      const each = frame();
      const [location] = await store.append([each]);
      written.push({ ...each, ...(location ?? assert.fail()) });
    }
    await store.close();
    const reader = new SegmentReader(disk);
    for (const segment of [1, 2, 3]) {
      const { entries } = await readTable(reader, segment);
      const expected = written.filter((each) => each.segment === segment);
      assert.equal(entries.length, 10);
      assert.deepEqual(
        entries,
        expected.map(({ kind, offset, length, volume, digest }) => ({
          kind,
          offset,
          length,
          volume,
          digest,
        })),
      );
    }
    await reader.close();
    assert.deepEqual(
      (await disk.list('segments')).map((name) => name.slice(9)),
      ['1.seg', '2.seg', '3.seg', '4.open'],
    );
  });

  it('never lets a table grow over its limit, however large the groups are', async () => {
    const disk = new FaultDisk({ seed: 11 });
    const limits = { segmentEntriesMax: 10 };
    const { store } = await openSegments(disk, { limits });
    for (const size of [7, 7, 25, 3]) {
      await Promise.all(Array.from({ length: size }, async () => store.append([frame()])));
    }
    await store.close();
    const sealed = (await disk.list('segments')).filter((name) => name.endsWith('.seg'));
    const reader = new SegmentReader(disk);
    for (const name of sealed) {
      const { entries } = await readTable(reader, Number(name.slice(0, 10)));
      assert(entries.length > 0 && entries.length <= limits.segmentEntriesMax);
    }
    await reader.close();
    const { frames, store: again } = await openSegments(disk, { limits });
    assert.equal(frames.length, 42);
    await again.close();
  });

  it('survives a stop at any of its operations', async () => {
    const limits = { segmentEntriesMax: 2 };
    for (let operations = 1; operations < 40; operations++) {
      const disk = new FaultDisk({ seed: operations });
      const { store } = await openSegments(disk, { limits });
      disk.stopAfter(operations);
      const acknowledged: string[] = [];
      for (let count = 0; count < 7 && !disk.isStopped; count++) {
        const each = frame();
        const [appended] = await Promise.allSettled([store.append([each])]);
        assert(disk.isStopped || appended.status === 'fulfilled');
        if (disk.isStopped || appended.status === 'rejected') break;
        acknowledged.push(replayed(each, appended.value[0] ?? assert.fail()));
      }
      await store.close();
      disk.stop();
      const { frames, damages, store: again } = await openSegments(disk.crash().disk, { limits });
      assert.deepEqual(frames.slice(0, acknowledged.length), acknowledged);
      assert(frames.length <= acknowledged.length + 1);
      assert.deepEqual(damages, []);
      await again.append([frame()]);
      await again.close();
    }
  });
});

describe('a kill at any operation', () => {
  it('followed by a start, more writes, and a power loss, loses nothing', async () => {
    const limits = { segmentEntriesMax: 1 };
    for (let operations = 1; operations < 30; operations++) {
      const disk = new FaultDisk({ seed: operations });
      const { store } = await openSegments(disk, { limits });
      disk.stopAfter(operations);
      const appends = [frame(), frame(), frame()].map(async (each) => store.append([each]));
      await Promise.allSettled(appends);
      await store.close();
      disk.stop();
      const next = disk.restart();
      const reopened = await openSegments(next, { limits });
      const last = frame();
      const [location] = await reopened.store.append([last]);
      next.stop();
      for (let crashes = 0; crashes < 4; crashes++) {
        const { frames, damages } = await openSegments(next.crash().disk, { limits });
        const expected = [
          ...reopened.frames.slice(0, -1),
          replayed(last, location ?? assert.fail()),
        ];
        assert.deepEqual(frames, expected);
        assert.deepEqual(damages, []);
      }
    }
  });
});

describe('a write that finds the disk full', () => {
  it('refuses the whole group with no_space, and nothing of it ever appears', async () => {
    for (let seed = 0; seed < 40; seed++) {
      const disk = new FaultDisk({ seed });
      const { store } = await openSegments(disk);
      await store.append([frame()]);
      const end = store.position;
      disk.failNext('grow', { code: 'no_space', effect: 'half' });
      const group = [frame(10), frame(500)].map(async (each) => store.append([each]));
      for (const result of await Promise.allSettled(group)) {
        assert(result.status === 'rejected' && isGdpfsError(result.reason, 'no_space'));
      }
      assert.deepEqual(store.position, end);
      const isContinued = seed % 2 === 0;
      if (isContinued) await store.append([frame(10)]);
      disk.stop();
      const { frames, damages } = await openSegments(disk.crash().disk);
      assert.equal(frames.length, isContinued ? 2 : 1);
      assert.deepEqual(damages, []);
    }
  });

  it('keeps the segment when it cannot be sealed, and seals it later', async () => {
    const disk = new FaultDisk({ seed: 12 });
    const limits = { segmentEntriesMax: 2 };
    const { store } = await openSegments(disk, { limits });
    await store.append([frame()]);
    await store.append([frame()]);
    for (const effect of ['none', 'half', 'full'] as const) {
      disk.failNext('grow', { code: 'no_space', effect });
      await assert.rejects(store.append([frame()]), (error) => isGdpfsError(error, 'no_space'));
    }
    await store.append([frame()]);
    await store.close();
    const { frames, damages, store: again } = await openSegments(disk, { limits });
    assert.equal(frames.length, 3);
    assert.deepEqual(damages, []);
    await again.close();
  });
});

describe('a failure after which nobody knows', () => {
  const points = {
    'a sync': ['sync', 'none'],
    'a sync that was done': ['sync', 'full'],
    'a write': ['write', 'half'],
    'the measuring of free space': ['freeBytes', 'none'],
  } as const;
  for (const [what, [operation, effect]] of Object.entries(points)) {
    it(`of ${what} answers unavailable, and so does every append until a restart`, async () => {
      for (let seed = 0; seed < 10; seed++) {
        const disk = new FaultDisk({ seed });
        const { store } = await openSegments(disk);
        const first = frame();
        const [location] = await store.append([first]);
        disk.failNext(operation, { code: 'local_io', effect });
        await assert.rejects(store.append([frame()]), isUnavailable);
        const writes = disk.counts.write;
        await assert.rejects(store.append([frame()]), isUnavailable);
        assert.equal(disk.counts.write, writes, 'something was written');
        assert.deepEqual(
          Buffer.from(await store.readFrame(location ?? assert.fail())),
          Buffer.concat(first.payload),
        );
        await store.close();
        const { frames, damages, store: again } = await openSegments(disk.restart());
        assert.equal(frames[0], replayed(first, location ?? assert.fail()));
        assert(frames.length <= 2);
        assert.deepEqual(damages, []);
        await again.append([frame()]);
        await again.close();
      }
    });
  }

  it('of a rename or of its sync while sealing is one of them, even on a full disk', async () => {
    for (const operation of ['rename', 'syncDirectory'] as const) {
      for (const effect of ['none', 'full'] as const) {
        const disk = new FaultDisk({ seed: 13 });
        const limits = { segmentEntriesMax: 1 };
        const { store } = await openSegments(disk, { limits });
        await store.append([frame()]);
        disk.failNext(operation, { code: 'no_space', effect });
        await assert.rejects(store.append([frame()]), isUnavailable);
        await assert.rejects(store.append([frame()]), isUnavailable);
        await store.close();
        const { frames, damages, store: again } = await openSegments(disk.restart(), { limits });
        assert.equal(frames.length, 1);
        assert.deepEqual(damages, []);
        await again.append([frame()]);
        await again.close();
      }
    }
  });

  it('of the making of a segment is none of them on a full disk', async () => {
    const disk = new FaultDisk({ seed: 14 });
    const limits = { segmentEntriesMax: 1 };
    const { store } = await openSegments(disk, { limits });
    await store.append([frame()]);
    // The table goes into the old segment; the header of the new one finds no room.
    disk.failNext('open', { code: 'no_space', effect: 'none' });
    await assert.rejects(store.append([frame()]), (error) => isGdpfsError(error, 'no_space'));
    await store.append([frame()]);
    await store.close();
    const { frames, store: again } = await openSegments(disk, { limits });
    assert.equal(frames.length, 2);
    await again.close();
    assert.equal(disk.openFiles, 0);
  });

  it('of the start leaves no file open', async () => {
    for (const point of ['write', 'sync', 'rename', 'syncDirectory'] as const) {
      const disk = new FaultDisk({ seed: 15 });
      disk.failNext(point, { code: 'local_io', effect: 'full' });
      await assert.rejects(openSegments(disk));
      assert.equal(disk.openFiles, 0, point);
      await (await openSegments(disk)).store.close();
    }
  });
});

function isUnavailable(error: unknown): boolean {
  return isGdpfsError(error, 'unavailable');
}
