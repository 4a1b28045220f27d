import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { sha256 } from '../../src/base/digest.ts';
import { isGdpfsError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { type OpenedFileSystem, openFileSystem } from '../../src/fs/open.ts';
import type { Disk } from '../../src/storage/disk.ts';
import { FaultDisk } from '../support/fault-disk.ts';
import { Random } from '../support/random.ts';
import { Scratch } from '../support/scratch.ts';
import { randomFile, readTree, sameTree, type Tree } from '../support/workload.ts';

const ALICE = { author: 'alice' };
const MIB = 1024 * 1024;
const random = new Random(1);

describe('a store on a full disk', () => {
  it('refuses uploads, still removes, and goes on when there is room again', async () => {
    using folder = new Scratch();
    const disk = new FaultDisk({ seed: 1 });
    let store = await open(folder.path, disk);
    const { volume, tree } = await fill(store, 10);
    disk.setFreeBytes(LIMITS.freeBytesMin);
    await assertUploadsRefused(store, volume);
    await assertTree(store, volume, tree);
    for (const path of [...tree.keys()].slice(0, 5)) {
      await store.fs.apply(volume, { kind: 'remove', path }, ALICE);
      tree.delete(path);
    }
    await assertUploadsRefused(store, volume);
    await assertTree(store, volume, tree);

    store = await reopen(store, folder.path, disk);
    await assertTree(store, volume, tree);
    await assertUploadsRefused(store, volume);

    disk.setFreeBytes(1000 * MIB);
    await put(store, volume, { path: 'late', tree });
    store = await reopen(store, folder.path, disk);
    await assertTree(store, volume, tree);
    await store[Symbol.asyncDispose]();
  });

  it('keeps changes that wait together apart: the removal is done, the upload refused', async () => {
    using folder = new Scratch();
    const disk = new FaultDisk({ seed: 2 });
    const store = await open(folder.path, disk);
    const { volume, tree } = await fill(store, 4);
    disk.setFreeBytes(0);
    const [path = ''] = tree.keys();
    const results = await Promise.allSettled([
      store.fs.apply(volume, { kind: 'mkdir', path: 'd' }, ALICE),
      store.fs.apply(volume, { kind: 'remove', path }, ALICE),
      store.fs.apply(volume, { kind: 'mkdir', path: 'e' }, ALICE),
    ]);
    assert.deepEqual(
      results.map(({ status }) => status),
      ['rejected', 'fulfilled', 'rejected'],
    );
    tree.delete(path);
    await assertTree(store, volume, tree);
    await store[Symbol.asyncDispose]();
  });

  it('is sound after the disk filled up in the middle of writes', async () => {
    using folder = new Scratch();
    const disk = new FaultDisk({ seed: 3 });
    let store = await open(folder.path, disk);
    const { volume, tree } = await fill(store, 4);
    let refused = 0;
    for (let count = 0; count < 30; count++) {
      if (random.chance(0.5)) disk.failNext('grow', { code: 'no_space', effect: 'half' });
      try {
        await put(store, volume, { path: `f${count}`, tree });
      } catch (error) {
        assert(isGdpfsError(error, 'no_space'));
        refused += 1;
      }
    }
    assert(refused > 5);
    await assertTree(store, volume, tree);
    store = await reopen(store, folder.path, disk);
    await assertTree(store, volume, tree);
    await store[Symbol.asyncDispose]();
  });

  it('does the same on a real one, down to the last byte', async (context) => {
    using folder = new Scratch();
    const mount = join(folder.path, 'mnt');
    mkdirSync(mount);
    try {
      execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=128m', 'tmpfs', mount], { stdio: 'pipe' });
    } catch (error) {
      const reason =
        error instanceof Error ? error.message.trim().split('\n').at(-1) : String(error);
      context.skip(`cannot mount a small disk: ${reason}`);
      return;
    }
    try {
      await fillRealDisk(mount, folder.path);
    } finally {
      // Lazily: a test that failed may have files open there.
      execFileSync('umount', ['--lazy', mount]);
    }
  });
});

describe('a store whose fsync failed', () => {
  it('takes no change until it is opened again, and has lost nothing', async () => {
    for (let seed = 0; seed < 12; seed++) {
      using folder = new Scratch();
      const disk = new FaultDisk({ seed });
      const store = await open(folder.path, disk);
      const { volume, tree } = await fill(store, 3);
      disk.failNext('sync', { code: 'local_io', effect: seed % 2 === 0 ? 'none' : 'full' });
      const change = { kind: 'mkdir', path: 'd' } as const;
      await assert.rejects(store.fs.apply(volume, change, ALICE), isUnavailable);
      await assert.rejects(store.fs.apply(volume, change, ALICE), isUnavailable);
      await assert.rejects(put(store, volume, { path: 'x', tree }), isUnavailable);
      const path = [...tree.keys()][0] ?? '';
      await assert.rejects(store.fs.apply(volume, { kind: 'remove', path }, ALICE), isUnavailable);
      await assertTree(store, volume, tree);
      await store[Symbol.asyncDispose]();

      // What was refused may be there, and then stays; a power loss now must not take it back.
      const restarted = disk.restart();
      const again = await open(folder.path, restarted);
      const found = await readTree(again.fs, volume, '');
      assert(sameTree(found, tree) || sameTree(found, new Map([...tree, ['d', null]])));
      await again[Symbol.asyncDispose]();
      const last = await open(folder.path, restarted.crash().disk);
      await assertTree(last, volume, found);
      await put(last, volume, { path: 'y', tree });
      await last[Symbol.asyncDispose]();
    }
  });

  it('keeps the keys of a volume that may have been made', async () => {
    let made = 0;
    for (let seed = 0; seed < 8; seed++) {
      using folder = new Scratch();
      const disk = new FaultDisk({ seed });
      const store = await open(folder.path, disk);
      disk.failNext('sync', { code: 'local_io', effect: 'full' });
      await assert.rejects(createVolume(store), isUnavailable);
      await store[Symbol.asyncDispose]();
      const again = await open(folder.path, disk.restart());
      for (const { name } of again.fs.listVolumes()) {
        made += 1;
        await again.fs.apply(name, { kind: 'mkdir', path: 'd' }, ALICE);
      }
      await again[Symbol.asyncDispose]();
    }
    assert(made > 0, 'no volume was found made');
  });
});

async function fillRealDisk(mount: string, keys: string): Promise<void> {
  const options = { directory: join(mount, 'store'), keys };
  let store = await openReal(options);
  const { volume, tree } = await fill(store, 10);
  const ballast = join(mount, 'ballast');
  // Others leave a little room, uploads take it.
  takeSpace(ballast, 20 * MIB);
  let uploaded = 0;
  try {
    for (; uploaded < 100; uploaded++) {
      const data = random.bytes(MIB);
      await store.fs.putChunk(volume, { digest: sha256(data) }, data);
    }
    assert.fail('the disk was never full');
  } catch (error) {
    assert(isGdpfsError(error, 'no_space'), String(error));
  }
  assert(uploaded > 0);
  await removeOne(store, volume, tree);
  await assertTree(store, volume, tree);

  // Others take even the last byte.
  takeSpace(ballast, 0);
  assert.equal(freeBytes(mount), 0);
  await assertUploadsRefused(store, volume);
  const upload = { volume, principal: 'alice', path: 'u', size: 1, chunkSize: 4096 };
  await assert.rejects(
    (async () => {
      for (let count = 0; count < 1000; count++) {
        await store.fs.openUpload({ ...upload, path: `u${count}` });
      }
    })(),
    isNoSpace,
  );
  await removeOne(store, volume, tree);
  await removeOne(store, volume, tree);
  await assertTree(store, volume, tree);

  // And again, before a start of the server.
  rmSync(ballast);
  await put(store, volume, { path: 'between', tree });
  await store[Symbol.asyncDispose]();
  takeSpace(ballast, 0);
  store = await openReal(options);
  await assertTree(store, volume, tree);
  await assertUploadsRefused(store, volume);
  await removeOne(store, volume, tree);
  rmSync(ballast);
  await put(store, volume, { path: 'late', tree });
  await store[Symbol.asyncDispose]();
  for (const rebuild of [false, true]) {
    store = await openReal({ ...options, rebuild });
    assert.equal(store.damageCount, 0);
    await assertTree(store, volume, tree);
    await store[Symbol.asyncDispose]();
  }
}

/** Writes to the file until so much is free, or until the disk takes no more. */
function takeSpace(path: string, freeBytesLeft: number): void {
  const file = openSync(path, 'a');
  try {
    for (let size = MIB; size >= 1; ) {
      if (freeBytesLeft > 0 && freeBytes(path) <= freeBytesLeft) break;
      try {
        writeSync(file, new Uint8Array(size));
      } catch {
        size >>= 1;
      }
    }
  } finally {
    closeSync(file);
  }
}

function freeBytes(path: string): number {
  const { bavail, bsize } = statfsSync(path);
  return bavail * bsize;
}

async function open(folder: string, disk: Disk): Promise<OpenedFileSystem> {
  return await openReal({ directory: join(folder, 'store'), keys: folder, disk });
}

async function openReal(options: {
  readonly directory: string;
  readonly keys: string;
  readonly disk?: Disk;
  readonly rebuild?: boolean;
}): Promise<OpenedFileSystem> {
  const { directory, keys, disk, rebuild = false } = options;
  return await openFileSystem({
    directory,
    keysDirectory: join(keys, 'keys'),
    clock: { now: () => 1_800_000_000_000 },
    warn: () => undefined,
    rebuild,
    ...(disk === undefined ? {} : { disk }),
  });
}

async function reopen(
  store: OpenedFileSystem,
  folder: string,
  disk: Disk,
): Promise<OpenedFileSystem> {
  await store[Symbol.asyncDispose]();
  const opened = await open(folder, disk);
  assert.equal(opened.damageCount, 0);
  return opened;
}

async function createVolume(store: OpenedFileSystem): Promise<Uint8Array> {
  const options = { alias: 'v', owner: 'alice', chunking: 'fixed' } as const;
  return (await store.fs.createVolume(options, ALICE)).name;
}

/** A volume with `count` files. */
async function fill(
  store: OpenedFileSystem,
  count: number,
): Promise<{ readonly volume: Uint8Array; readonly tree: Map<string, Uint8Array | null> }> {
  const volume = await createVolume(store);
  const tree = new Map<string, Uint8Array | null>();
  for (let index = 0; index < count; index++) {
    await put(store, volume, { path: `file${index}`, tree });
  }
  return { volume, tree };
}

async function put(
  store: OpenedFileSystem,
  volume: Uint8Array,
  { path, tree }: { readonly path: string; readonly tree: Map<string, Uint8Array | null> },
): Promise<void> {
  const { file, chunks, bytes } = randomFile(random, 2000);
  for (const data of chunks) await store.fs.putChunk(volume, { digest: sha256(data) }, data);
  await store.fs.apply(volume, { kind: 'put', path, file }, ALICE);
  tree.set(path, bytes);
}

async function removeOne(
  store: OpenedFileSystem,
  volume: Uint8Array,
  tree: Map<string, Uint8Array | null>,
): Promise<void> {
  const path = [...tree.keys()][0] ?? assert.fail();
  await store.fs.apply(volume, { kind: 'remove', path }, ALICE);
  tree.delete(path);
}

/** Neither bytes nor names can be added. */
async function assertUploadsRefused(store: OpenedFileSystem, volume: Uint8Array): Promise<void> {
  const data = random.bytes(1000);
  await assert.rejects(store.fs.putChunk(volume, { digest: sha256(data) }, data), isNoSpace);
  for (const path of ['x', 'y']) {
    await assert.rejects(store.fs.apply(volume, { kind: 'mkdir', path }, ALICE), isNoSpace);
  }
}

async function assertTree(
  store: OpenedFileSystem,
  volume: Uint8Array,
  expected: Tree,
): Promise<void> {
  assert(sameTree(await readTree(store.fs, volume, ''), expected));
}

function isNoSpace(error: unknown): boolean {
  return isGdpfsError(error, 'no_space');
}

function isUnavailable(error: unknown): boolean {
  return isGdpfsError(error, 'unavailable');
}
