import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FaultDisk } from '../../test/support/fault-disk.ts';
import { Random } from '../../test/support/random.ts';
import { chunkFrame, openSegments } from '../../test/support/segments.ts';
import { LIMITS } from '../base/limits.ts';
import { FRAME_HEADER_BYTES, SEGMENT_HEADER_BYTES } from '../format/segment.ts';
import type { Disk } from './disk.ts';
import { SegmentReader } from './segment-files.ts';
import {
  SMALL,
  SEALED,
  OPEN,
  fill,
  names,
  assertRefused,
  isCorrupt,
  sizeOf,
  bytesOf,
  replace,
  flip,
  methodsOf,
} from '../../test/support/small-segments.ts';

describe('openSegmentStore()', () => {
  it('replays every frame in the order of writing, from sealed segments and the open one', async () => {
    const disk = new FaultDisk({ seed: 1 });
    const written = await fill(disk, { count: 30 });
    const paths = await disk.list('segments');
    assert(paths.length >= 4, 'several segments');
    assert.deepEqual(paths.filter((name) => name.endsWith('.open')).length, 1);
    const { frames, damages, store } = await openSegments(disk, { limits: SMALL });
    assert.deepEqual(frames, names(written));
    assert.deepEqual(damages, []);
    await store.close();
  });

  it('replays from the position of any frame what lies from there on', async () => {
    const disk = new FaultDisk({ seed: 2 });
    const written = await fill(disk, { count: 30 });
    for (const [index, { location }] of written.entries()) {
      const { frames, store } = await openSegments(disk, { limits: SMALL, from: location });
      assert.deepEqual(frames, names(written).slice(index));
      await store.close();
    }
  });

  it('replays nothing from the end', async () => {
    const disk = new FaultDisk({ seed: 3 });
    await fill(disk, { count: 5 });
    const first = await openSegments(disk, { limits: SMALL });
    const from = first.store.position;
    await first.store.close();
    const { frames, store } = await openSegments(disk, { limits: SMALL, from });
    assert.deepEqual(frames, []);
    await store.close();
  });

  it('refuses a position where no frame begins, in an open segment and in a sealed one', async () => {
    for (const file of [OPEN, SEALED]) {
      const disk = new FaultDisk({ seed: 4 });
      const written = await fill(disk, { count: file === OPEN ? 3 : 30 });
      const { segment, offset, length } = written[1]?.location ?? assert.fail();
      const size = await sizeOf(disk, file);
      for (const wrong of [offset + 1, offset + length, size + 1, size + 1_000_000]) {
        await assertRefused(disk, { segment, offset: wrong });
      }
    }
  });

  it('refuses a position in a segment that does not exist: the index is ahead', async () => {
    const disk = new FaultDisk({ seed: 5 });
    await fill(disk, { count: 3 });
    await assertRefused(disk, { segment: 2, offset: SEGMENT_HEADER_BYTES });
    await disk.remove(OPEN);
    await assertRefused(disk, { segment: 1, offset: SEGMENT_HEADER_BYTES });
    await assertRefused(new FaultDisk({ seed: 6 }), { segment: 1, offset: 5000 });
  });

  it('refuses a gap in the row of segments, and two open ones', async () => {
    const disk = new FaultDisk({ seed: 7 });
    await fill(disk, { count: 30 });
    await disk.rename(SEALED, 'segments/kept');
    await assertRefused(disk);
    await disk.rename('segments/kept', OPEN);
    await assertRefused(disk);
  });

  it('refuses a segment of another store, and one under another number', async () => {
    const disk = new FaultDisk({ seed: 8 });
    await fill(disk, { count: 30 });
    const other = new FaultDisk({ seed: 9 });
    await fill(other, { count: 30 });
    const bytes = await bytesOf(other, SEALED);
    await replace(disk, SEALED, bytes);
    await assertRefused(disk);
    await replace(disk, SEALED, await bytesOf(disk, 'segments/0000000002.seg'));
    await assertRefused(disk);
  });

  it('seals a segment at its open whose table was written and whose name was not', async () => {
    const disk = new FaultDisk({ seed: 10 });
    const written = await fill(disk, { count: 30 });
    const paths = await disk.list('segments');
    const open = paths.find((name) => name.endsWith('.open')) ?? assert.fail();
    await disk.remove(`segments/${open}`);
    const last = paths.filter((name) => name.endsWith('.seg')).at(-1) ?? assert.fail();
    await disk.rename(`segments/${last}`, `segments/${last.replace('.seg', '.open')}`);
    const { frames, store } = await openSegments(disk, { limits: SMALL });
    const expected = written.filter(
      ({ location }) => location.segment <= Number(last.slice(0, 10)),
    );
    assert.deepEqual(frames, names(expected));
    assert((await disk.list('segments')).includes(last));
    await store.close();
  });
});

describe('SegmentStore.read()', () => {
  it('reads any part of a payload; readFrame() all of it, and checks it', async () => {
    const disk = new FaultDisk({ seed: 21 });
    const { store } = await openSegments(disk);
    const frame = chunkFrame(new Random(3).bytes(1000));
    const payload = Buffer.concat(frame.payload);
    const [location] = await store.append([frame]);
    assert(location);
    assert.deepEqual(
      Buffer.from(await store.read(location, { start: 64, length: 10 })),
      payload.subarray(64, 74),
    );
    assert.deepEqual(Buffer.from(await store.readFrame(location)), payload);
    await flip(disk, OPEN, location.offset + FRAME_HEADER_BYTES + 500);
    await assert.rejects(store.readFrame(location), isCorrupt);
    await assert.rejects(store.read({ ...location, segment: 7 }, { start: 0, length: 1 }));
    await assert.rejects(store.read(location, { start: 0, length: 5000 }), isCorrupt);
    await store.close();
  });

  it('keeps a limited number of files open, whatever is read at the same time', async () => {
    const disk = new FaultDisk({ seed: 22 });
    const written = await fill(disk, { count: 400, limits: { segmentEntriesMax: 4 } });
    const { store } = await openSegments(disk, { limits: { segmentEntriesMax: 4 } });
    const random = new Random(4);
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        written.map(async () => {
          const { frame, location } = random.pick(written) ?? assert.fail();
          const payload = Buffer.from(await store.readFrame(location));
          assert.deepEqual(payload, Buffer.concat(frame.payload));
        }),
      );
      assert(disk.openFiles <= LIMITS.segmentsOpenMax + 1, `${disk.openFiles} files are open`);
    }
    await store.close();
  });

  it('finds a segment that is sealed while it is being opened', async () => {
    const disk = new FaultDisk({ seed: 23 });
    const [written] = await fill(disk, { count: 1 });
    assert(written);
    let attempts = 0;
    const racing: Disk = {
      ...methodsOf(disk),
      async open(path) {
        attempts += 1;
        if (attempts === 2) await disk.rename(OPEN, SEALED);
        return await disk.open(path);
      },
    };
    for (attempts = 0; attempts < 2; ) {
      const reader = new SegmentReader(racing);
      await reader.read({ ...written.location, length: 1 });
      await reader.close();
      attempts += 1;
    }
  });
});
