import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { FaultDisk, type Operation } from '../../test/support/fault-disk.ts';
import { Random } from '../../test/support/random.ts';
import { rejectsWith } from '../../test/support/rejects.ts';
import {
  chunkFrame,
  type OpenedSegments,
  openSegments,
  VOLUME,
} from '../../test/support/segments.ts';
import {
  bytesOf,
  fill,
  flip,
  names,
  patch,
  SEALED,
  SMALL,
  type Written,
} from '../../test/support/small-segments.ts';
import { concatBytes } from '../base/bytes.ts';
import { decodeSegmentHeader, encodeSegmentHeader, FRAME_KIND } from '../format/segment.ts';
import type { Disk } from './disk.ts';
import { scanFrames } from './frame-scan.ts';
import { layOutFreed } from './freed-layout.ts';
import { openNodeDisk } from './node-disk.ts';
import { tableEntry } from './replay-visitor.ts';
import type { FrameLocation } from './segment-layout.ts';

const SEGMENT = 1;
const EDITION = new Uint8Array(8).fill(7);
const MIB = 1024 * 1024;

/** Writes segment 1 anew without the chunks at these places; `before` is called just before that. */
async function free(
  { store }: OpenedSegments,
  places: readonly FrameLocation[],
  before: () => void = () => undefined,
): Promise<number> {
  const { entries, end } = await store.space.frames(SEGMENT);
  const offsets = new Set(places.map(({ offset }) => offset));
  const layout = layOutFreed(entries, (index) => offsets.has(entries[index]?.offset ?? 0));
  const rewriting = { segment: SEGMENT, layout, tableOffset: end, edition: EDITION };
  before();
  const { signal } = new AbortController();
  return await store.space.rewrite(rewriting, { signal, onRenamed: () => undefined });
}

/** Of segment 1, the first of each two chunks. */
function freeable(written: readonly Written[]): Written[] {
  const chunks = written.filter(({ frame, location }) => {
    return frame.kind === FRAME_KIND.chunk && location.segment === SEGMENT;
  });
  return chunks.filter((_, index) => index % 2 === 0);
}

function without(written: readonly Written[], freed: readonly Written[]): Written[] {
  return written.filter((one) => !freed.includes(one));
}

/** Frames of the segment by their headers, with their payloads checked. */
async function scanned(disk: Disk): Promise<unknown[]> {
  const file = await disk.open(SEALED);
  const { storeId } = decodeSegmentHeader(await bytesOf(disk, SEALED));
  const found: unknown[] = [];
  const size = await file.size();
  const place = { storeId, segment: SEGMENT, from: 12_288, payloadsFrom: 12_288, end: size - 24 };
  for await (const item of scanFrames(file, place)) {
    if (item.kind === 'damage') found.push({ damage: item.offset });
    else if (item.header.kind !== FRAME_KIND.table)
      found.push(tableEntry(item.header, item.payload));
  }
  await file.close();
  return found;
}

test('a segment that was written anew has what is kept where it was, wherever its replay begins', async () => {
  const disk = new FaultDisk({ seed: 1 });
  const written = await fill(disk, { count: 30 });
  const freed = freeable(written);
  assert(freed.length > 1);
  const opened = await openSegments(disk, { limits: SMALL });
  await free(
    opened,
    freed.map(({ location }) => location),
  );
  await opened.store.close();
  const kept = without(written, freed);
  for (const { location } of written) {
    const { frames, damages, store } = await openSegments(disk, { limits: SMALL, from: location });
    const behind = kept.filter(({ location: other }) => !isBefore(other, location));
    assert.deepEqual(
      frames.filter((name) => !/^(again|forget)/.test(name)),
      names(behind),
    );
    assert.deepEqual(damages, []);
    await store.close();
  }
  const again = await openSegments(disk, { limits: SMALL });
  assert.deepEqual(again.frames, names(kept));
  assert.deepEqual(await scanned(disk), (await again.store.space.frames(SEGMENT)).entries);
  for (const { frame, location } of kept) {
    assert.deepEqual(await again.store.readFrame(location), concatBytes(frame.payload));
  }
  await again.store.close();
});

function isBefore(left: FrameLocation, right: FrameLocation): boolean {
  if (left.segment !== right.segment) return left.segment < right.segment;
  return left.offset < right.offset;
}

test('who has read another edition of a segment is told its chunks again, before all else', async () => {
  const disk = new FaultDisk({ seed: 2 });
  const written = await fill(disk, { count: 30 });
  const freed = freeable(written);
  const first = await openSegments(disk, { limits: SMALL });
  await free(
    first,
    freed.map(({ location }) => location),
  );
  const from = first.store.position;
  await first.store.close();
  const { frames, store } = await openSegments(disk, { limits: SMALL, from });
  const chunks = without(written, freed).filter(({ frame, location }) => {
    return frame.kind === FRAME_KIND.chunk && location.segment === SEGMENT;
  });
  const again = names(chunks).map((name) => name.replace('chunk', 'again'));
  assert.deepEqual(frames, [`forget ${SEGMENT}`, ...again]);
  await store.close();
});

test('damage stays where it is when a segment is written anew', async () => {
  const disk = new FaultDisk({ seed: 3 });
  const written = await fill(disk, { count: 30 });
  const freed = freeable(written);
  const kept = without(written, freed).filter(({ location }) => location.segment === SEGMENT);
  const [one] = kept;
  assert(one);
  await flip(disk, SEALED, one.location.offset + 40);
  const opened = await openSegments(disk, { limits: SMALL });
  await free(
    opened,
    freed.map(({ location }) => location),
  );
  await rejectsWith(opened.store.readFrame(one.location), 'corrupt');
  for (const { location } of kept.slice(1)) await opened.store.readFrame(location);
  await opened.store.close();
});

test('a segment of the first version is written anew as one that has padding', async () => {
  const disk = new FaultDisk({ seed: 4 });
  const written = await fill(disk, { count: 30 });
  const header = decodeSegmentHeader(await bytesOf(disk, SEALED));
  await patch(disk, SEALED, 0, encodeSegmentHeader({ ...header, version: 1 }).subarray(0, 32));
  const freed = freeable(written);
  const opened = await openSegments(disk, { limits: SMALL });
  await free(
    opened,
    freed.map(({ location }) => location),
  );
  await opened.store.close();
  const { version, edition } = decodeSegmentHeader(await bytesOf(disk, SEALED));
  assert.deepEqual([version, edition], [3, EDITION]);
  const again = await openSegments(disk, { limits: SMALL });
  assert.deepEqual(again.frames, names(without(written, freed)));
  await again.store.close();
});

test('a segment stays whole whichever operation of the disk fails while it is written anew', async () => {
  const points: readonly (Operation | 'grow')[] = [
    'open',
    'read',
    'write',
    'grow',
    'sync',
    'size',
    'rename',
    'remove',
    'syncDirectory',
  ];
  for (const [index, point] of points.entries()) {
    const disk = new FaultDisk({ seed: 5 + index });
    const written = await fill(disk, { count: 30 });
    const freed = freeable(written);
    const opened = await openSegments(disk, { limits: SMALL });
    const places = freed.map(({ location }) => location);
    const { openFiles } = disk;
    const fail = (): void => disk.failNext(point, { code: 'no_space', effect: 'none' });
    await rejectsWith(free(opened, places, fail), 'no_space');
    assert(disk.openFiles <= openFiles, `${point}: files were left open`);
    assert.deepEqual(
      (await disk.list('segments')).filter((name) => name.endsWith('.new')),
      [],
    );
    // Behind the rename it has happened.
    const isDone = point === 'syncDirectory';
    for (const { frame, location } of without(written, isDone ? freed : [])) {
      assert.deepEqual(await opened.store.readFrame(location), concatBytes(frame.payload));
    }
    await opened.store.close();
    assert.equal(disk.openFiles, 0);
  }
});

test('what a killed process left of a segment is removed at start', async () => {
  const disk = new FaultDisk({ seed: 20 });
  const written = await fill(disk, { count: 30 });
  const file = await disk.open(`${SEALED}.new`, { create: true });
  await file.write([Uint8Array.of(1)], 0);
  await file.close();
  const { frames, store } = await openSegments(disk, { limits: SMALL });
  assert.deepEqual(frames, names(written));
  assert(!(await disk.list('segments')).includes('0000000001.seg.new'));
  await store.close();
});

test('readers of what is kept notice nothing while their segment is replaced again and again', async () => {
  const disk = new FaultDisk({ seed: 21 });
  const written = await fill(disk, { count: 30 });
  const freed = freeable(written);
  const kept = without(written, freed).filter(({ location }) => location.segment === SEGMENT);
  const opened = await openSegments(disk, { limits: SMALL });
  let isDone = false;
  const read = async (): Promise<number> => {
    let reads = 0;
    for (; !isDone; reads++) {
      const { frame, location } = kept[reads % kept.length] ?? assert.fail();
      assert.deepEqual(await opened.store.readFrame(location), concatBytes(frame.payload));
    }
    return reads;
  };
  const readers = [read(), read(), read()];
  for (const { location } of freed) await free(opened, [location]);
  isDone = true;
  for (const reads of await Promise.all(readers)) assert(reads > 0);
  await opened.store.close();
  assert.equal(disk.openFiles, 0);
});

/** Segments on a real disk, of a few large chunks. */
async function openLarge(context: TestContext): Promise<{
  readonly folder: string;
  readonly opened: OpenedSegments;
  readonly written: readonly { readonly data: Uint8Array; readonly location: FrameLocation }[];
}> {
  const folder = mkdtempSync(join(tmpdir(), 'gdpfs-space-'));
  context.after(() => rmSync(folder, { recursive: true }));
  const opened = await openSegments(openNodeDisk(folder), {
    limits: { paddedFrameBytesMin: MIB },
  });
  const random = new Random(1);
  const written: { data: Uint8Array; location: FrameLocation }[] = [];
  // Of lengths such that pieces that are copied begin and end in the middle of frames, and of padding.
  for (const length of [3 * MIB, 100_000, MIB, 1, 4 * MIB, 4 * MIB, 4 * MIB - 31, 200_000]) {
    const data = random.bytes(length);
    const [location] = await opened.store.append([chunkFrame(data)]);
    written.push({ data, location: location ?? assert.fail() });
  }
  await opened.store.space.seal();
  return { folder, opened, written };
}

test('what is freed takes no room on the disk any more, and reads as zeros', async (context) => {
  const { folder, opened, written } = await openLarge(context);
  const path = join(folder, SEALED);
  const size = statSync(path).blocks * 512;
  const freed = [0, 4, 5, 6].map((index) => written[index] ?? assert.fail());
  const places = freed.map(({ location }) => location);
  // The first one is a hole when the others become one.
  const bytes = (await free(opened, places.slice(0, 1))) + (await free(opened, places.slice(1)));
  const after = statSync(path).blocks * 512;
  assert.equal(size - after, bytes);
  // Less the blocks in which there is something else, and those of headers.
  assert(bytes > 15 * MIB - 64 * 1024, `freed ${bytes}`);
  const { store } = opened;
  assert.equal(store.status.counts.freedBytes, bytes);
  for (const one of written) {
    const { data, location } = one;
    const range = { start: 64, length: data.length };
    if (!freed.includes(one)) {
      assert.deepEqual(
        await store.readFrame(location),
        concatBytes([VOLUME, chunkFrame(data).digest, data]),
      );
      continue;
    }
    // But where the headers of padding are, of which each has at most 4 MiB.
    const found = await store.read(location, range);
    assert(found.filter((byte) => byte !== 0).length < 100);
  }
  await store.close();
  const again = await openSegments(openNodeDisk(folder));
  assert.equal(again.frames.length, 4);
  assert.deepEqual(again.damages, []);
  assert.deepEqual(
    await scanned(openNodeDisk(folder)),
    (await again.store.space.frames(SEGMENT)).entries,
  );
  await again.store.close();
});
