import assert from 'node:assert/strict';
import {
  chmodSync,
  chownSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { randomFillSync } from 'node:crypto';
import { open as openFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { test } from 'node:test';
import { Scratch } from '../../test/support/scratch.ts';
import { concatBytes } from '../base/bytes.ts';
import { alignedBytes, DIRECT_BLOCK_BYTES } from '../base/direct-io.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { openPartFile, PartFile } from './part-file.ts';
import { PartJournal } from './part-journal.ts';
import { journalPath, partPath } from './part-names.ts';

const ATTRIBUTES = { mode: 0o640, mtimeUs: 1_600_000_000_123_456 };
const ETAG = 'sha256:00';
const SIZE = 1000;
const DATA = new Uint8Array(SIZE).fill(1);

async function open(target: string, etag = ETAG): Promise<PartFile> {
  return await openPartFile({ target, etag, size: SIZE });
}

function requireFinished(target: string, data: Uint8Array = DATA): void {
  assert.deepEqual(new Uint8Array(readFileSync(target)), data);
  const { mode, mtimeMs } = statSync(target);
  assert.deepEqual([mode & 0o7777, Math.floor(mtimeMs)], [0o640, 1_600_000_000_123]);
}

test('a part becomes the target, and nothing else stays', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  writeFileSync(target, 'old');
  await using part = await open(target);
  assert.equal(part.isResumed, false);
  await part.write([DATA.subarray(0, 10), DATA.subarray(10)], 0);
  assert.equal(readFileSync(target, 'utf8'), 'old');
  assert.equal(await part.finish(ATTRIBUTES), true);
  requireFinished(target);
  assert.deepEqual(readdirSync(folder.path), ['file']);
});

test('two downloads of the same share a part: either may finish, both succeed', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  await using first = await open(target);
  await using second = await open(target);
  assert.equal(second.isResumed, true);
  await first.write([DATA.subarray(0, 600)], 0);
  await second.write([DATA.subarray(400)], 400);
  assert.equal(await first.finish(ATTRIBUTES), true);
  requireFinished(target);
  await second.write([new Uint8Array(5)], 0);
  assert.equal(second.isLost, true);
  assert.equal(await second.finish(ATTRIBUTES), true);
  requireFinished(target);
  assert.deepEqual(readdirSync(folder.path), ['file']);
});

test('a part that another download began anew is never moved by the one before', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  await using first = await open(target);
  await using second = await open(target);
  await first.write([DATA], 0);
  await first.finish(ATTRIBUTES);
  await using third = await open(target);
  assert.equal(third.isResumed, false);
  assert.equal(await second.finish(ATTRIBUTES), true, 'it is the target already');
  requireFinished(target);
  assert.equal(third.isLost, false);
  await third.write([DATA], 0);
  assert.equal(await third.finish(ATTRIBUTES), true);
  requireFinished(target);
  assert.deepEqual(readdirSync(folder.path), ['file']);
});

test('a part that was removed is told, and the target stays as it is', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  writeFileSync(target, 'other');
  await using part = await open(target);
  await part.write([DATA], 0);
  rmSync(part.path);
  await part.write([DATA], 0);
  assert.equal(part.isLost, true);
  assert.equal(await part.finish(ATTRIBUTES), false);
  assert.equal(readFileSync(target, 'utf8'), 'other');
  assert.deepEqual(readdirSync(folder.path), ['file']);
});

test('a part that did not have its name when it was written to never becomes the target', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  await using part = await open(target);
  const elsewhere = join(folder.path, 'elsewhere');
  renameSync(part.path, elsewhere);
  await part.write([DATA], 0);
  renameSync(elsewhere, part.path);
  assert.equal(await part.finish(ATTRIBUTES), false);
  assert.equal(existsSync(target), false);
  await using again = await open(target);
  assert.equal(again.isResumed, true);
});

test('parts of several versions do not touch each other', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  await using first = await open(target);
  await using second = await open(target, 'sha256:01');
  const other = new Uint8Array(SIZE).fill(2);
  await first.write([DATA], 0);
  await second.write([other], 0);
  await second.finish(ATTRIBUTES);
  requireFinished(target, other);
  await first.finish(ATTRIBUTES);
  requireFinished(target);
});

test('a part stays under its name if the target cannot be replaced', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  await using part = await open(target);
  await part.write([DATA], 0);
  mkdirSync(target);
  await assert.rejects(part.finish(ATTRIBUTES), (error) => isGdpfsError(error, 'is_a_directory'));
  await using again = await open(target);
  assert.equal(again.isResumed, true);
});

test('openPartFile() refuses what is not a file of its own', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  const outside = join(folder.path, 'outside');
  writeFileSync(outside, DATA);
  const part = partPath(target, ETAG);
  const makers = [
    () => symlinkSync(outside, part),
    () => linkSync(outside, part),
    () => mkdirSync(part),
  ];
  for (const make of makers) {
    make();
    await assert.rejects(open(target), (error) => isGdpfsError(error, 'not_a_file'));
    assert.deepEqual(new Uint8Array(readFileSync(outside)), DATA);
    rmSync(part, { recursive: true });
  }
});

test('openPartFile() begins anew with a file of another size, and goes on with one it may not read', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  const part = partPath(target, ETAG);
  writeFileSync(part, new Uint8Array(SIZE + 1).fill(9));
  {
    await using opened = await open(target);
    assert.equal(opened.isResumed, false);
    assert.deepEqual(new Uint8Array(readFileSync(part)), new Uint8Array(SIZE));
    await opened.write([DATA], 0);
  }
  chmodSync(part, 0);
  await using again = await open(target);
  assert.equal(again.isResumed, true);
  assert.equal(await again.finish(ATTRIBUTES), true);
  requireFinished(target);
});

test('a part knows after a crash what was durable in it, unless it is rechecked', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  const size = 2 * LIMITS.partSyncBytes;
  const piece = new Uint8Array(LIMITS.partSyncBytes / 8).fill(1);
  const options = { target, etag: ETAG, size };
  {
    await using part = await openPartFile(options);
    for (let count = 0; count < 9; count += 1) {
      await part.write([piece], size - (count + 1) * piece.length);
    }
  }
  {
    await using part = await openPartFile(options);
    assert(part.isKnown({ offset: size - 8 * piece.length, length: 8 * piece.length }));
    assert(!part.isKnown({ offset: size - 9 * piece.length, length: piece.length }), 'not synced');
    await part.write([piece.subarray(0, 1)], 0);
  }
  await using part = await openPartFile({ ...options, recheck: true });
  assert(part.isResumed && !part.isKnown({ offset: size - 1, length: 1 }));
});

test('a part or a journal of somebody else is not believed', async (context) => {
  if (process.geteuid?.() !== 0) {
    context.skip('only root can give files away');
    return;
  }
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  const size = LIMITS.partSyncBytes;
  const options = { target, etag: ETAG, size };
  const all = { offset: 0, length: size };
  const path = partPath(target, ETAG);
  {
    await using part = await openPartFile(options);
    await part.write([new Uint8Array(size)], 0);
  }
  const isKnown = async (): Promise<boolean> => {
    await using part = await openPartFile(options);
    return part.isKnown(all);
  };
  assert.equal(await isKnown(), true);
  chownSync(journalPath(path), 1, 1);
  assert.equal(await isKnown(), false);
  chownSync(path, 1, 1);
  await using part = await openPartFile(options);
  assert.equal(part.isResumed, false);
  assert.equal(statSync(path).uid, 0);
});

/** A part whose syncs do what `datasync` does. */
async function openWithSync(target: string, datasync: () => Promise<void>): Promise<PartFile> {
  const size = 4 * LIMITS.partSyncBytes;
  const path = partPath(target, ETAG);
  const real = await openFile(path, 'w+');
  await real.truncate(size);
  const stats = await real.stat({ bigint: true });
  const { ino: inode, birthtimeNs: birthNs } = stats;
  const journal = new PartJournal(journalPath(path), { etag: ETAG, size, inode, birthNs });
  const handle = new Proxy(real, {
    get: (file, name) => {
      if (name === 'datasync') return datasync;
      const value: unknown = Reflect.get(file, name);
      return typeof value === 'function' ? value.bind(file) : value;
    },
  });
  const opened = { handle, direct: undefined, stats, isResumed: false, journal, known: [] };
  return new PartFile({ target, etag: ETAG, size }, opened);
}

test('a journal says nothing before what it says is durable', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  const synced = Promise.withResolvers<void>();
  const started = Promise.withResolvers<void>();
  await using part = await openWithSync(target, async () => {
    started.resolve();
    await synced.promise;
  });
  const piece = new Uint8Array(LIMITS.partSyncBytes);
  await part.write([piece], 0);
  await started.promise;
  // Nobody waits for the disk meanwhile.
  await part.write([piece.subarray(0, 10)], LIMITS.partSyncBytes);
  const journal = journalPath(part.path);
  assert.equal(existsSync(journal), false);
  synced.resolve();
  while (!existsSync(journal)) await delay(1);
});

test('a part whose sync fails takes nothing more, and is not gone on with', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  await using part = await openWithSync(target, () => {
    return Promise.reject(Object.assign(new Error('EIO'), { code: 'EIO' }));
  });
  await part.write([new Uint8Array(LIMITS.partSyncBytes)], 0);
  const isFailure = (error: unknown): boolean => isGdpfsError(error, 'local_io');
  await assert.rejects(part.finish(ATTRIBUTES), isFailure);
  await assert.rejects(part.write([DATA], 0), isFailure);
  assert.deepEqual(readdirSync(folder.path), []);
});

test('a large file is what was written, whatever of it goes past the page cache', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  const size = LIMITS.directFileBytesMin + 4321;
  await using part = await openPartFile({ target, etag: ETAG, size });
  const memory = alignedBytes(4 * 1024 * 1024);
  assert(memory !== undefined);
  randomFillSync(memory);
  const content = Buffer.alloc(size);
  const write = async (views: readonly Uint8Array[], offset: number): Promise<void> => {
    await part.write(views, offset);
    content.set(concatBytes(views), offset);
  };
  const block = memory.subarray(0, DIRECT_BLOCK_BYTES);
  await write([memory.subarray(0, 1_048_576), memory.subarray(2_097_152, 3_145_728)], 1_048_576);
  await write([block, memory.subarray(1, 5000), block], 8192);
  await write([memory.subarray(4096, 9000), block], 40_960);
  await write([memory.subarray(0, 1_048_576)], 9_000_001);
  await write([memory.subarray(0, 8192 + 4321)], size - 8192 - 4321);
  // Many at once, each of them in blocks or not.
  const lengths = Array.from({ length: 16 }, (_, index) => 1_048_576 - (index % 3));
  let next = 16 * 1_048_576;
  const many = lengths.map((length, index) => {
    const offset = next;
    next += length;
    return write([memory.subarray(index * 4096, index * 4096 + length)], offset);
  });
  await Promise.all(many);
  assert.equal(await part.finish(ATTRIBUTES), true);
  assert(readFileSync(target).equals(content));
});
