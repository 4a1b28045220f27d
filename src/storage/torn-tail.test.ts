import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FaultDisk } from '../../test/support/fault-disk.ts';
import { Random } from '../../test/support/random.ts';
import { chunkFrame, openSegments, replayed } from '../../test/support/segments.ts';
import { LIMITS } from '../base/limits.ts';
import {
  OPEN,
  fill,
  storeIdOf,
  encodeFrames,
  names,
  sizeOf,
  bytesOf,
  patch,
  flip,
} from '../../test/support/small-segments.ts';

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
