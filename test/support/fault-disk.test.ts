import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGdpfsError } from '../../src/base/errors.ts';
import type { Disk, DiskFile } from '../../src/storage/disk.ts';
import { FaultDisk, MachineStopped } from './fault-disk.ts';

/** The model itself: a crash test proves nothing on a disk that loses too little or too much. */

const OLD = new Uint8Array(8192).fill(1);
const NEW = new Uint8Array(8192).fill(2);

describe('FaultDisk.crash()', () => {
  it('keeps synced bytes under synced names', async () => {
    for (const { disk } of await crashes(async (file, live) => {
      await file.write([OLD], 0);
      await file.sync();
      await live.syncDirectory('');
    })) {
      assert.deepEqual(await content(disk, 'a'), OLD);
    }
  });

  it('drops, keeps, tears and mixes an unsynced overwrite, sector by sector', async () => {
    const seen = new Set<string>();
    for (const { disk } of await crashes(async (file, live) => {
      await file.write([OLD], 0);
      await file.sync();
      await live.syncDirectory('');
      await file.write([NEW], 0);
    })) {
      const bytes = await content(disk, 'a');
      assert(bytes !== undefined && bytes.length === OLD.length);
      const sectors = Array.from({ length: 16 }, (_, index) => bytes[index * 512]);
      for (const [index, sector] of sectors.entries()) {
        assert(bytes.subarray(index * 512, index * 512 + 512).every((byte) => byte === sector));
      }
      seen.add(sectors.join(''));
    }
    assert(seen.has('1'.repeat(16)), 'dropped');
    assert(seen.has('2'.repeat(16)), 'kept');
    assert(
      [...seen].some((each) => /^2+1+$/.test(each)),
      'torn',
    );
    assert(
      [...seen].some((each) => /1+2+1*$/.test(each)),
      'out of order',
    );
  });

  it('leaves an unsynced append short, full of zeros, or full of something else', async () => {
    const sizes = new Set<number>();
    const fills = new Set<string>();
    for (const { disk } of await crashes(async (file, live) => {
      await file.write([OLD], 0);
      await file.sync();
      await live.syncDirectory('');
      await file.write([NEW], OLD.length);
    })) {
      const bytes = await content(disk, 'a');
      assert(bytes !== undefined);
      assert.deepEqual(bytes.subarray(0, OLD.length), OLD);
      sizes.add(bytes.length);
      const fresh = bytes.at(OLD.length + 600);
      if (fresh !== undefined) fills.add(fresh === 0 || fresh === 2 ? String(fresh) : 'garbage');
    }
    assert.deepEqual(sizes, new Set([OLD.length, OLD.length + NEW.length]));
    assert.deepEqual([...fills].sort(), ['0', '2', 'garbage']);
  });

  it('drops or keeps an unsynced truncation', async () => {
    const sizes = new Set<number | undefined>();
    for (const { disk } of await crashes(async (file, live) => {
      await file.write([OLD], 0);
      await file.sync();
      await live.syncDirectory('');
      await file.truncate(100);
    })) {
      sizes.add((await content(disk, 'a'))?.length);
    }
    assert.deepEqual(sizes, new Set([100, OLD.length]));
  });

  it('drops or keeps each unsynced name, and never halves a rename', async () => {
    const seen = new Set<string>();
    for (const { disk } of await crashes(async (file, live) => {
      await file.sync();
      await live.syncDirectory('');
      await live.rename('a', 'b');
      await live.open('c', { create: true });
    })) {
      seen.add((await disk.list('')).join(''));
    }
    assert.deepEqual([...seen].sort(), ['a', 'ac', 'b', 'bc']);
  });

  it('loses a directory, with all that was synced in it, if its own name was not synced', async () => {
    const seen = new Set<string>();
    for (const { disk } of await crashes(async (_, live) => {
      await live.makeDirectory('d');
      await (await live.open('d/f', { create: true })).sync();
      await live.syncDirectory('d');
    })) {
      seen.add((await disk.list('d')).join(''));
    }
    assert.deepEqual([...seen].sort(), ['', 'f']);
  });

  it('never shows again what a failed sync has dropped', async () => {
    for (const { disk } of await crashes(async (file, live) => {
      await file.write([OLD], 0);
      await file.sync();
      await live.syncDirectory('');
      await file.write([NEW], 0);
      live.failNext('sync', { code: 'local_io', effect: 'none' });
      await assert.rejects(file.sync(), (error) => isGdpfsError(error, 'local_io'));
      await file.sync();
    })) {
      assert.deepEqual(await content(disk, 'a'), OLD);
    }
  });

  it('loses everything if the disk lies about syncs', async () => {
    let lost = 0;
    for (let seed = 0; seed < 20; seed++) {
      const disk = new FaultDisk({ seed, honorsSync: false });
      const file = await disk.open('a', { create: true });
      await file.write([OLD], 0);
      await file.sync();
      await disk.syncDirectory('');
      if ((await content(disk.crash().disk, 'a')) === undefined) lost += 1;
    }
    assert(lost > 0);
  });
});

describe('FaultDisk.restart()', () => {
  it('shows the next process all that was written, and a power loss may still take it', async () => {
    const sizes = new Set<number | undefined>();
    for (let seed = 0; seed < 50; seed++) {
      const disk = new FaultDisk({ seed });
      const file = await disk.open('a', { create: true });
      await disk.syncDirectory('');
      await file.write([OLD], 0);
      disk.stop();
      const next = disk.restart();
      assert.deepEqual(await content(next, 'a'), OLD);
      sizes.add((await content(next.crash().disk, 'a'))?.length);
    }
    assert.deepEqual(sizes, new Set([0, OLD.length]));
  });
});

describe('FaultDisk.stopAfter()', () => {
  it('ends every operation from then on, those in flight included', async () => {
    const disk = new FaultDisk({ seed: 1 });
    const file = await disk.open('a', { create: true });
    let stops = 0;
    disk.stopAfter(3, () => {
      stops += 1;
    });
    const writes = [0, 1, 2, 3].map(async (index) => await file.write([OLD], index * 8192));
    const results = await Promise.allSettled(writes);
    assert(results.some(({ status }) => status === 'rejected'));
    await assert.rejects(file.sync(), MachineStopped);
    await assert.rejects(disk.list(''), MachineStopped);
    assert.equal(stops, 1);
  });
});

describe('FaultDisk.setFreeBytes()', () => {
  it('writes what fits, then fails, and gives back what is removed', async () => {
    const disk = new FaultDisk({ seed: 1 });
    const file = await disk.open('a', { create: true });
    disk.setFreeBytes(10_000);
    await file.write([OLD], 0);
    await assert.rejects(file.write([NEW], 8192), (error) => isGdpfsError(error, 'no_space'));
    assert.equal(await file.size(), 10_000);
    await file.write([NEW], 0);
    await disk.remove('a');
    assert.equal(await disk.freeBytes(), 10_000);
  });
});

async function crashes(
  prepare: (file: DiskFile, disk: FaultDisk) => Promise<void>,
): Promise<ReturnType<FaultDisk['crash']>[]> {
  const disks: ReturnType<FaultDisk['crash']>[] = [];
  for (let seed = 0; seed < 200; seed++) {
    const disk = new FaultDisk({ seed });
    await prepare(await disk.open('a', { create: true }), disk);
    disks.push(disk.crash());
  }
  return disks;
}

async function content(disk: Disk, path: string): Promise<Uint8Array | undefined> {
  if (!(await disk.list('')).includes(path)) return undefined;
  const file = await disk.open(path);
  const bytes = new Uint8Array(await file.size());
  await file.read(bytes, 0);
  return bytes;
}
