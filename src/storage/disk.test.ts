import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FaultDisk } from '../../test/support/fault-disk.ts';
import { Scratch } from '../../test/support/scratch.ts';
import { isGdpfsError } from '../base/errors.ts';
import type { Disk, DiskFile } from './disk.ts';
import { openNodeDisk } from './node-disk.ts';

/** The contract of `Disk`: the same for the real one and for the one that crash tests use. */

describe('openNodeDisk()', () => {
  contract((use) => async () => {
    using scratch = new Scratch();
    await use(openNodeDisk(scratch.path));
  });
});

describe('FaultDisk', () => {
  contract((use) => async () => {
    await use(new FaultDisk({ seed: 1 }));
  });
});

function contract(withDisk: (use: (disk: Disk) => Promise<void>) => () => Promise<void>): void {
  it(
    'open() makes a file only if none exists',
    withDisk(async (disk) => {
      const file = await disk.open('a', { create: true });
      await file.close();
      await assert.rejects(disk.open('a', { create: true }), isLocalIo);
      await (await disk.open('a')).close();
      assert.deepEqual(await disk.list(''), ['a']);
    }),
  );

  it(
    'open() rejects a file that is missing, and makes none',
    withDisk(async (disk) => {
      await assert.rejects(disk.open('a'), isLocalIo);
      await assert.rejects(disk.open('d/a', { create: true }), isLocalIo);
      assert.deepEqual(await disk.list(''), []);
    }),
  );

  it(
    'write() puts all parts one behind the other, empty ones and thousands of them too',
    withDisk(async (disk) => {
      const parts = Array.from({ length: 3000 }, (_, index) =>
        new Uint8Array(index % 3).fill(index),
      );
      const file = await disk.open('a', { create: true });
      await file.write(parts, 5);
      await file.write([], 0);
      assert.deepEqual(await content(file), Buffer.concat([new Uint8Array(5), ...parts]));
      await file.close();
    }),
  );

  it(
    'write() replaces bytes, and leaves zeros between the old end and the new',
    withDisk(async (disk) => {
      const file = await disk.open('a', { create: true });
      await file.write([Uint8Array.of(1, 2, 3)], 0);
      await file.write([Uint8Array.of(9)], 1);
      await file.write([Uint8Array.of(7)], 5);
      assert.deepEqual([...(await content(file))], [1, 9, 3, 0, 0, 7]);
      await file.close();
    }),
  );

  it(
    'write() takes calls that overlap in time',
    withDisk(async (disk) => {
      const file = await disk.open('a', { create: true });
      const pieces = Array.from({ length: 20 }, (_, index) => new Uint8Array(1000).fill(index));
      await Promise.all(pieces.map(async (piece, index) => file.write([piece], index * 1000)));
      await file.sync();
      assert.deepEqual(await content(file), Buffer.concat(pieces));
      await file.close();
    }),
  );

  it(
    'read() returns fewer bytes only at the end of the file',
    withDisk(async (disk) => {
      const file = await disk.open('a', { create: true });
      await file.write([Uint8Array.of(1, 2, 3, 4)], 0);
      const target = new Uint8Array(3);
      assert.equal(await file.read(target, 0), 3);
      assert.deepEqual([...target], [1, 2, 3]);
      assert.equal(await file.read(target, 2), 2);
      assert.deepEqual([...target], [3, 4, 3]);
      assert.equal(await file.read(target, 4), 0);
      assert.equal(await file.read(target, 100), 0);
      await file.close();
    }),
  );

  it(
    'truncate() cuts, and extends with zeros',
    withDisk(async (disk) => {
      const file = await disk.open('a', { create: true });
      await file.write([Uint8Array.of(1, 2, 3, 4)], 0);
      await file.truncate(2);
      assert.equal(await file.size(), 2);
      await file.truncate(4);
      assert.deepEqual([...(await content(file))], [1, 2, 0, 0]);
      await file.close();
    }),
  );

  it(
    'rename() replaces the target; handles follow the file, not the name',
    withDisk(async (disk) => {
      const [a, b] = [
        await disk.open('a', { create: true }),
        await disk.open('b', { create: true }),
      ];
      await a.write([Uint8Array.of(1)], 0);
      await b.write([Uint8Array.of(2)], 0);
      await disk.rename('a', 'b');
      assert.deepEqual(await disk.list(''), ['b']);
      const reopened = await disk.open('b');
      await a.write([Uint8Array.of(3)], 1);
      assert.deepEqual([...(await content(reopened))], [1, 3]);
      assert.deepEqual([...(await content(b))], [2]);
      for (const file of [a, b, reopened]) await file.close();
      await assert.rejects(disk.rename('a', 'c'), isLocalIo);
    }),
  );

  it(
    'remove() takes the name away, not the open file, and accepts a missing one',
    withDisk(async (disk) => {
      const file = await disk.open('a', { create: true });
      await file.write([Uint8Array.of(1)], 0);
      await disk.remove('a');
      await disk.remove('a');
      assert.deepEqual(await disk.list(''), []);
      assert.deepEqual([...(await content(file))], [1]);
      await file.close();
    }),
  );

  it(
    'list() sorts the names in a directory; a missing one is empty',
    withDisk(async (disk) => {
      await disk.makeDirectory('d/e');
      await disk.makeDirectory('d');
      for (const name of ['b', 'a10', 'a9']) {
        await (await disk.open(`d/${name}`, { create: true })).close();
      }
      assert.deepEqual(await disk.list('d'), ['a10', 'a9', 'b', 'e']);
      assert.deepEqual(await disk.list('d/e'), []);
      assert.deepEqual(await disk.list('x'), []);
    }),
  );

  it(
    'syncDirectory() takes a directory, and rejects a missing one',
    withDisk(async (disk) => {
      await disk.makeDirectory('d');
      await disk.syncDirectory('');
      await disk.syncDirectory('d');
      await assert.rejects(disk.syncDirectory('x'), isLocalIo);
    }),
  );

  it(
    'freeBytes() is a number of bytes',
    withDisk(async (disk) => {
      const free = await disk.freeBytes();
      assert(Number.isSafeInteger(free) && free > 0);
    }),
  );

  it(
    'a closed file takes no calls',
    withDisk(async (disk) => {
      const file = await disk.open('a', { create: true });
      await file.close();
      await assert.rejects(file.write([Uint8Array.of(1)], 0), isLocalIo);
      await assert.rejects(file.read(new Uint8Array(1), 0), isLocalIo);
      await assert.rejects(file.sync(), isLocalIo);
      await assert.rejects(file.truncate(0), isLocalIo);
    }),
  );
}

async function content(file: DiskFile): Promise<Buffer> {
  const bytes = Buffer.alloc(await file.size());
  assert.equal(await file.read(bytes, 0), bytes.length);
  return bytes;
}

function isLocalIo(error: unknown): boolean {
  return isGdpfsError(error, 'local_io');
}
