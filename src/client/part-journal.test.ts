import assert from 'node:assert/strict';
import { appendFileSync, readFileSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { Scratch } from '../../test/support/scratch.ts';
import { type ByteRange, isCovered, mergeRanges } from './byte-ranges.ts';
import { type PartIdentity, PartJournal } from './part-journal.ts';

const PART: PartIdentity = { etag: 'sha256:00', size: 1e12, inode: 7n, birthNs: 1_700_000_000n };
const RANGES: ByteRange[][] = [
  [
    { offset: 100, length: 50 },
    { offset: 0, length: 100 },
  ],
  [{ offset: 2 ** 40, length: 4096 }],
  [{ offset: 1000, length: 1 }],
];

async function write(path: string, batches: readonly ByteRange[][]): Promise<void> {
  const journal = new PartJournal(path, PART);
  await journal.read();
  for (const ranges of batches) await journal.append(ranges);
  await journal.close();
}

async function read(path: string, part: PartIdentity = PART): Promise<readonly ByteRange[]> {
  const journal = new PartJournal(path, part);
  const ranges = await journal.read();
  await journal.close();
  return ranges;
}

test('a journal gives back what was appended, by one process after another', async () => {
  using folder = new Scratch();
  const path = join(folder.path, 'journal');
  assert.deepEqual(await read(path), []);
  for (const ranges of RANGES) await write(path, [ranges]);
  assert.deepEqual(await read(path), mergeRanges(RANGES.flat()));
});

test('a journal of another content, size or file says nothing', async () => {
  using folder = new Scratch();
  const path = join(folder.path, 'journal');
  await write(path, RANGES);
  const others = [{ etag: 'sha256:01' }, { size: 1 }, { inode: 8n }, { birthNs: 1n }];
  for (const other of others) assert.deepEqual(await read(path, { ...PART, ...other }), []);
});

test('a damaged journal never says more than was appended', async () => {
  using folder = new Scratch();
  const path = join(folder.path, 'journal');
  await write(path, RANGES);
  const whole = readFileSync(path);
  const good = mergeRanges(RANGES.flat());
  await fc.assert(
    fc.asyncProperty(
      fc.nat(whole.length),
      fc.nat(whole.length - 1),
      fc.integer({ min: 1, max: 255 }),
      async (length, at, mask) => {
        const damaged = Buffer.from(whole);
        damaged[at] = (damaged[at] ?? 0) ^ mask;
        writeFileSync(path, damaged.subarray(0, length));
        for (const range of await read(path)) assert(isCovered(good, range));
      },
    ),
  );
});

test('a journal with a torn end is continued, and keeps what was before', async () => {
  using folder = new Scratch();
  const path = join(folder.path, 'journal');
  await write(path, RANGES.slice(0, 2));
  truncateSync(path, readFileSync(path).length - 3);
  await write(path, RANGES.slice(2));
  assert.deepEqual(await read(path), [
    { offset: 0, length: 150 },
    { offset: 1000, length: 1 },
  ]);
});

test('a journal that lost its place does no harm', async () => {
  using folder = new Scratch();
  const outside = join(folder.path, 'outside');
  const path = join(folder.path, 'journal');
  await write(outside, RANGES);
  const before = readFileSync(outside);
  symlinkSync(outside, path);
  assert.deepEqual(await read(path), [], 'a link is not followed');
  await write(path, RANGES);
  assert.deepEqual(readFileSync(outside), before);
  await write(join(folder.path, 'no', 'such', 'folder'), RANGES);
  appendFileSync(path, 'garbage');
  assert.deepEqual(await read(path), mergeRanges(RANGES.flat()));
});
