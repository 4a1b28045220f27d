import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FaultDisk } from '../../test/support/fault-disk.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Disk } from './disk.ts';
import { Reserve } from './reserve.ts';

const { reserveBytes, freeBytesMin } = LIMITS;
/** What must be free before the reserve is made. */
const ROOM = 2 * (reserveBytes + freeBytesMin);

describe('Reserve', () => {
  it('takes its space when there is room enough, and keeps it through a restart', async () => {
    const disk = new FaultDisk({ seed: 1 });
    disk.setFreeBytes(ROOM);
    await Reserve.open(disk);
    assert.equal(await disk.freeBytes(), ROOM - reserveBytes);
    await Reserve.open(disk);
    assert.equal(await disk.freeBytes(), ROOM - reserveBytes);
  });

  it('leaves a small disk alone', async () => {
    const disk = new FaultDisk({ seed: 2 });
    disk.setFreeBytes(ROOM - 1);
    const reserve = await Reserve.open(disk);
    assert.deepEqual(await disk.list(''), []);
    assert.equal(await reserve.hasRoomFor(0), false);
  });

  it('lets ordinary writes have all but the last of the space', async () => {
    const disk = new FaultDisk({ seed: 3 });
    const reserve = await Reserve.open(disk);
    disk.setFreeBytes(freeBytesMin + 1000);
    assert.equal(await reserve.hasRoomFor(1000), true);
    assert.equal(await reserve.hasRoomFor(1001), false);
  });

  it('gives its space up when asked, and takes it again when there is room enough', async () => {
    const disk = new FaultDisk({ seed: 4 });
    const reserve = await Reserve.open(disk);
    disk.setFreeBytes(0);
    await reserve.release();
    await reserve.release();
    assert.equal(await disk.freeBytes(), reserveBytes);
    assert.equal(await reserve.hasRoomFor(0), false);
    disk.setFreeBytes(ROOM);
    assert.equal(await reserve.hasRoomFor(0), true);
    assert.equal(await reserveSize(disk), reserveBytes);
  });

  it('is made again when a crash has left less than the whole of it', async () => {
    let short = 0;
    for (let seed = 0; seed < 40; seed++) {
      const disk = new FaultDisk({ seed });
      disk.setFreeBytes(10 * ROOM);
      disk.stopAfter(5 + (seed % 2));
      await assert.rejects(Reserve.open(disk));
      const after = disk.crash().disk;
      if (((await reserveSize(after)) ?? reserveBytes) < reserveBytes) short += 1;
      await Reserve.open(after);
      assert.equal(await reserveSize(after), reserveBytes);
    }
    assert(short > 0, 'no crash left a part of it');
  });

  it('is not held when something else takes the space while it is made', async () => {
    const disk = new FaultDisk({ seed: 5 });
    disk.setFreeBytes(ROOM);
    disk.failNext('grow', { code: 'no_space', effect: 'half' });
    const reserve = await Reserve.open(disk);
    assert.deepEqual(await disk.list(''), []);
    assert.equal(await reserve.hasRoomFor(0), true);
  });

  it('passes on what is not about space', async () => {
    const disk = new FaultDisk({ seed: 6 });
    disk.failNext('write', { code: 'local_io', effect: 'none' });
    await assert.rejects(Reserve.open(disk), (error) => isGdpfsError(error, 'local_io'));
    assert.equal(disk.openFiles, 0);
  });
});

async function reserveSize(disk: Disk): Promise<number | undefined> {
  if (!(await disk.list('')).includes('reserve')) return undefined;
  const file = await disk.open('reserve');
  const size = await file.size();
  await file.close();
  return size;
}
