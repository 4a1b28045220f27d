import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FaultDisk } from '../../test/support/fault-disk.ts';
import { Random } from '../../test/support/random.ts';
import { chunkFrame, commitFrame, openSegments, replayed } from '../../test/support/segments.ts';
import { concatBytes } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  encodeFrameHeader,
  FOOTER_BYTES,
  FRAME_HEADER_BYTES,
  payloadChecksum,
  SEGMENT_HEADER_BYTES,
  WATERMARK_OFFSETS,
} from '../format/segment.ts';
import type { Disk } from './disk.ts';
import { readSegmentHeader, SegmentReader } from './segment-files.ts';
import type { Position } from './replay-visitor.ts';
import { readTable } from './sealed-segment.ts';
import type { FrameInput, FrameLocation } from './segment-writer.ts';

/** Small segments: a few frames fill one. */
const SMALL = { segmentBytesMax: 14_200, segmentEntriesMax: 8 };
const SEALED = 'segments/0000000001.seg';
const OPEN = 'segments/0000000001.open';

interface Written {
  readonly frame: FrameInput;
  readonly location: FrameLocation;
}

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

describe('a torn tail', () => {
  it('is cut off behind the last watermark, kept for inspection, and written over', async () => {
    const disk = new FaultDisk({ seed: 11 });
    const written = await fill(disk, { count: 3, limits: {} });
    const tail = await sizeOf(disk, OPEN);
    const torn = new Random(1).bytes(700);
    await patch(disk, OPEN, tail, torn);
    const { frames, damages, warnings, store } = await openSegments(disk);
    assert.deepEqual(frames, names(written));
    assert.deepEqual(damages, []);
    assert.match(warnings.join(), /700 bytes behind \d+ were never acknowledged/);
    assert.equal(await sizeOf(disk, OPEN), tail);
    assert.deepEqual(await bytesOf(disk, `segments/0000000001-${tail}.torn`), torn);
    const frame = chunkFrame(Uint8Array.of(1));
    const [location] = await store.append([frame]);
    assert.equal(location?.offset, tail);
    await store.close();
  });

  it('is no reason to stop on a full disk', async () => {
    const disk = new FaultDisk({ seed: 12 });
    await fill(disk, { count: 3, limits: {} });
    const tail = await sizeOf(disk, OPEN);
    await patch(disk, OPEN, tail, new Uint8Array(5000));
    disk.setFreeBytes(100);
    const { warnings, store } = await openSegments(disk);
    assert.match(warnings.join(), /the disk is full/);
    assert.equal(await sizeOf(disk, OPEN), tail);
    assert(!(await disk.list('segments')).some((name) => name.endsWith('.torn')));
    await store.close();
  });

  it('is kept a limited number of times', async () => {
    const disk = new FaultDisk({ seed: 13 });
    for (let count = 0; count < LIMITS.tornTailsMax + 3; count++) {
      const { store } = await openSegments(disk);
      await store.append([chunkFrame(Uint8Array.of(count))]);
      await store.close();
      await patch(disk, OPEN, await sizeOf(disk, OPEN), Uint8Array.of(1, 2, 3));
    }
    const { store } = await openSegments(disk);
    await store.close();
    const torn = (await disk.list('segments')).filter((name) => name.endsWith('.torn'));
    assert.equal(torn.length, LIMITS.tornTailsMax);
  });

  it('never comes back behind what is written in its place', async () => {
    for (let seed = 0; seed < 60; seed++) {
      const disk = new FaultDisk({ seed });
      const written = await fill(disk, { count: 2, limits: {} });
      const tail = await sizeOf(disk, OPEN);
      // Of a group of three, power went before the one in the middle was on the disk.
      const group = [1, 2, 3].map((byte) => chunkFrame(new Uint8Array(600).fill(byte)));
      const bytes = encodeFrames(group, { offset: tail, storeId: await storeIdOf(disk) });
      bytes.fill(0, bytes.length / 3, (bytes.length / 3) * 2);
      await patch(disk, OPEN, tail, bytes);
      const { store, frames } = await openSegments(disk);
      assert.equal(frames.length, written.length + 1);
      disk.stopAfter(new Random(seed).integer(1, 6));
      const replacement = chunkFrame(new Uint8Array(600).fill(4));
      await Promise.allSettled([store.append([replacement])]);
      await store.close();
      disk.stop();
      const after = await openSegments(disk.crash().disk);
      const offset = tail + bytes.length / 3;
      const more = after.frames.slice(frames.length);
      assert.deepEqual(after.frames.slice(0, frames.length), frames);
      assert(more.length <= 1, 'the third frame of the torn group is back');
      for (const each of more) assert.equal(each, replayed(replacement, { segment: 1, offset }));
      assert.deepEqual(after.damages, []);
    }
  });

  it('that is whole stays, durable before anyone sees it', async () => {
    for (let seed = 0; seed < 30; seed++) {
      // A frame that was written but not synced when the process was killed: then a power loss.
      const disk = new FaultDisk({ seed });
      const { store } = await openSegments(disk);
      await store.append([chunkFrame(Uint8Array.of(1))]);
      disk.failNext('sync', { code: 'local_io', effect: 'none' });
      await assert.rejects(store.append([chunkFrame(Uint8Array.of(2))]));
      await store.close();
      const next = disk.restart();
      const reopened = await openSegments(next);
      const { frames } = reopened;
      assert.equal(frames.length, 2);
      next.stop();
      const after = await openSegments(next.crash().disk);
      assert.deepEqual(after.frames, frames);
    }
  });

  it('that is whole counts as acknowledged once it was seen: damage to it is reported', async () => {
    const disk = new FaultDisk({ seed: 24 });
    const { store } = await openSegments(disk);
    disk.failNext('sync', { code: 'local_io', effect: 'none' });
    await assert.rejects(store.append([chunkFrame(new Uint8Array(100))]));
    await store.close();
    const next = disk.restart();
    const seen = await openSegments(next);
    assert.equal(seen.frames.length, 1);
    await seen.store.close();
    const size = await sizeOf(next, OPEN);
    await flip(next, OPEN, size - 1);
    const { damages, store: again } = await openSegments(next);
    assert.equal(damages.length, 1);
    assert.equal(await sizeOf(next, OPEN), size);
    await again.close();
  });
});

describe('damage', () => {
  it('before the watermark is reported, cut from nothing, and the frames around it are replayed', async () => {
    const disk = new FaultDisk({ seed: 14 });
    const written = await fill(disk, { count: 6, limits: {} });
    const all = names(written);
    const size = await sizeOf(disk, OPEN);
    for (const [index, { location, frame }] of written.entries()) {
      const places = [0, FRAME_HEADER_BYTES - 1, FRAME_HEADER_BYTES, location.length + 31];
      for (const place of places) {
        const undo = await flip(disk, OPEN, location.offset + place);
        const { frames, damages, store } = await openSegments(disk);
        assert.deepEqual(frames, all.toSpliced(index, 1));
        assert.equal(damages.length, 1);
        const [damage] = damages;
        const isHeader = place < FRAME_HEADER_BYTES;
        assert.deepEqual(
          { ...damage },
          {
            segment: 1,
            offset: location.offset,
            length: FRAME_HEADER_BYTES + location.length,
            ...(isHeader ? {} : { frame: frame.kind }),
          },
        );
        assert.equal(await sizeOf(disk, OPEN), size);
        await store.close();
        await undo();
      }
    }
  });

  it('is reported when the open segment is cut anywhere, between frames too', async () => {
    const disk = new FaultDisk({ seed: 15 });
    const written = await fill(disk, { count: 6, limits: {} });
    const bytes = await bytesOf(disk, OPEN);
    const ends = written.map(({ location }) => location.offset);
    for (const end of [...ends, ...ends.map((each) => each + 40), bytes.length - 1]) {
      await replace(disk, OPEN, bytes.subarray(0, end));
      const { frames, damages, store } = await openSegments(disk);
      const whole = written.filter(
        ({ location }) => location.offset + FRAME_HEADER_BYTES + location.length <= end,
      );
      assert.deepEqual(frames, names(whole));
      assert(damages.length > 0, `cut at ${end}`);
      await store.close();
    }
  });

  it('in the table or footer of a sealed segment costs nothing: the frames are found', async () => {
    const disk = new FaultDisk({ seed: 16 });
    const written = await fill(disk, { count: 30 });
    const reader = new SegmentReader(disk);
    const { tableOffset } = await readTable(reader, 1);
    await reader.close();
    const size = await sizeOf(disk, SEALED);
    for (const offset of [tableOffset, tableOffset + 40, size - FOOTER_BYTES, size - 1]) {
      const undo = await flip(disk, SEALED, offset);
      const { frames, damages, store } = await openSegments(disk, { limits: SMALL });
      assert.deepEqual(frames, names(written));
      assert.deepEqual(damages, []);
      await store.close();
      await undo();
    }
  });

  it('is reported when a sealed segment is cut before its table, between frames too', async () => {
    const disk = new FaultDisk({ seed: 17 });
    const written = await fill(disk, { count: 30 });
    const bytes = await bytesOf(disk, SEALED);
    const inFirst = written.filter(({ location }) => location.segment === 1);
    for (const { location } of inFirst) {
      for (const end of [location.offset, location.offset + 40]) {
        await replace(disk, SEALED, bytes.subarray(0, end));
        const { frames, damages, store } = await openSegments(disk, { limits: SMALL });
        const whole = written.filter(
          (each) => each.location.segment > 1 || each.location.offset < location.offset,
        );
        assert.deepEqual(frames, names(whole));
        assert(damages.length > 0, `cut at ${end}`);
        await store.close();
      }
    }
  });

  it('of a frame in a sealed segment is reported with its kind', async () => {
    const disk = new FaultDisk({ seed: 18 });
    const written = await fill(disk, { count: 30 });
    const commit = written.find(({ frame }) => frame.kind === 2) ?? assert.fail();
    const { segment, offset } = commit.location;
    assert.equal(segment, 1);
    await flip(disk, SEALED, offset + FRAME_HEADER_BYTES + 3);
    const { damages, frames, store } = await openSegments(disk, { limits: SMALL });
    assert.deepEqual(
      damages.map((damage) => [damage.offset, damage.frame]),
      [[offset, 2]],
    );
    assert.equal(frames.length, written.length - 1);
    await store.close();
  });

  it('that a segment was sealed with is reported at every replay: its table has a gap', async () => {
    const disk = new FaultDisk({ seed: 25 });
    const limits = { segmentEntriesMax: 4 };
    const written = await fill(disk, { count: 3, limits });
    const [first, second, third] = written;
    assert(first && second && third);
    await flip(disk, OPEN, second.location.offset);
    const { store } = await openSegments(disk, { limits });
    for (let count = 0; count < 3; count++) await store.append([chunkFrame(Uint8Array.of(count))]);
    await store.close();
    assert((await disk.list('segments')).includes('0000000001.seg'));
    const { frames, damages, store: again } = await openSegments(disk, { limits });
    assert.deepEqual(frames.slice(0, 2), names([first, third]));
    assert.equal(frames.length, 5);
    const { segment, offset, length } = second.location;
    assert.deepEqual(damages, [{ segment, offset, length: FRAME_HEADER_BYTES + length }]);
    await again.close();
  });

  it('of a watermark costs nothing, and an operator is told', async () => {
    const disk = new FaultDisk({ seed: 19 });
    const written = await fill(disk, { count: 4, limits: {} });
    for (const offset of [WATERMARK_OFFSETS[0], WATERMARK_OFFSETS[1] + 9]) {
      const undo = await flip(disk, OPEN, offset);
      const { frames, damages, warnings, store } = await openSegments(disk);
      assert.deepEqual(frames, names(written));
      assert.deepEqual(damages, []);
      assert.match(warnings.join(), /a watermark slot is damaged/);
      await store.close();
      await undo();
    }
  });

  it('of a header is a refusal', async () => {
    const disk = new FaultDisk({ seed: 20 });
    await fill(disk, { count: 30 });
    for (const file of [SEALED, 'segments/0000000002.seg']) {
      for (const offset of [0, 9, 25, 31]) {
        const undo = await flip(disk, file, offset);
        await assertRefused(disk);
        await undo();
      }
    }
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

/** Writes `count` frames, in groups of several sizes, and closes the store. */
async function fill(
  disk: Disk,
  options: { readonly count: number; readonly limits?: Partial<typeof SMALL> },
): Promise<Written[]> {
  const random = new Random(options.count);
  const { store } = await openSegments(disk, { limits: options.limits ?? SMALL });
  const written: Written[] = [];
  while (written.length < options.count) {
    const size = Math.min(random.integer(1, 3), options.count - written.length);
    const frames = Array.from({ length: size }, () => {
      const data = random.bytes(random.integer(1, 900));
      return random.chance(0.4) ? commitFrame(data) : chunkFrame(data);
    });
    const locations = await store.append(frames);
    for (const [index, frame] of frames.entries()) {
      written.push({ frame, location: locations[index] ?? assert.fail() });
    }
  }
  await store.close();
  return written;
}

async function storeIdOf(disk: FaultDisk): Promise<Uint8Array> {
  const file = await disk.open(OPEN);
  const { storeId } = await readSegmentHeader(file, 1);
  await file.close();
  return storeId;
}

/** Frames as they lie in segment 1 from `offset` on. */
function encodeFrames(
  frames: readonly FrameInput[],
  { offset, storeId }: { readonly offset: number; readonly storeId: Uint8Array },
): Uint8Array {
  const parts: Uint8Array[] = [];
  let place = offset;
  for (const { kind, payload } of frames) {
    const length = payload.reduce((sum, part) => sum + part.length, 0);
    const checksum = payloadChecksum(payload);
    parts.push(
      encodeFrameHeader({ kind, segment: 1, offset: place, length, checksum }, storeId),
      ...payload,
    );
    place += FRAME_HEADER_BYTES + length;
  }
  return concatBytes(parts);
}

function names(written: readonly Written[]): string[] {
  return written.map(({ frame, location }) => replayed(frame, location));
}

async function assertRefused(disk: Disk, from?: Position): Promise<void> {
  const options = from === undefined ? {} : { from };
  await assert.rejects(openSegments(disk, { limits: SMALL, ...options }), isCorrupt);
}

function isCorrupt(error: unknown): boolean {
  return isGdpfsError(error, 'corrupt');
}

async function sizeOf(disk: Disk, path: string): Promise<number> {
  return (await bytesOf(disk, path)).length;
}

async function bytesOf(disk: Disk, path: string): Promise<Uint8Array> {
  const file = await disk.open(path);
  const bytes = new Uint8Array(await file.size());
  await file.read(bytes, 0);
  await file.close();
  return bytes;
}

async function replace(disk: Disk, path: string, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path);
  await file.truncate(0);
  await file.write([bytes], 0);
  await file.close();
}

async function patch(disk: Disk, path: string, offset: number, bytes: Uint8Array): Promise<void> {
  const file = await disk.open(path);
  await file.write([bytes], offset);
  await file.close();
}

/** Changes one byte; returns how to change it back. */
async function flip(disk: Disk, path: string, offset: number): Promise<() => Promise<void>> {
  const old = (await bytesOf(disk, path))[offset] ?? assert.fail();
  await patch(disk, path, offset, Uint8Array.of(old ^ 0x10));
  return async () => {
    await patch(disk, path, offset, Uint8Array.of(old));
  };
}

function methodsOf(disk: Disk): Disk {
  return {
    open: async (path, options) => await disk.open(path, options),
    list: async (directory) => await disk.list(directory),
    makeDirectory: async (directory) => {
      await disk.makeDirectory(directory);
    },
    rename: async (source, target) => {
      await disk.rename(source, target);
    },
    remove: async (path) => {
      await disk.remove(path);
    },
    syncDirectory: async (directory) => {
      await disk.syncDirectory(directory);
    },
    freeBytes: async () => await disk.freeBytes(),
  };
}
