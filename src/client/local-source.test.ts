import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { Scratch } from '../../test/support/scratch.ts';
import { bytesEqual } from '../base/bytes.ts';
import { crc32, sha256 } from '../base/digest.ts';
import type { Chunk } from '../format/manifest.ts';
import { LocalSource } from './local-source.ts';

const CHUNK = 16 * 1024;

/** How many chunks of `wanted` are found in a file of `old`; each that is must be right. */
async function countFound(old: Uint8Array, wanted: Uint8Array): Promise<number> {
  using folder = new Scratch();
  const path = join(folder.path, 'old');
  writeFileSync(path, old);
  await using handle = await open(path);
  const source = new LocalSource(handle, old.length, wanted.length);
  let count = 0;
  for (let offset = 0; offset < wanted.length; offset += CHUNK) {
    const data = wanted.subarray(offset, offset + CHUNK);
    const { length } = data;
    const chunk: Chunk = { offset, length, checksum: crc32(data), digest: sha256(data) };
    const view = new Uint8Array(length);
    if (!(await source.find(chunk, view))) continue;
    assert(bytesEqual(view, data));
    count += 1;
  }
  return count;
}

const OLD = randomBytes(100 * CHUNK);
const piece = (length: number): Buffer => randomBytes(length);

test('a source has all chunks of itself, none of something else', async () => {
  assert.equal(await countFound(OLD, OLD), 100);
  assert.equal(await countFound(OLD, piece(100 * CHUNK)), 0);
  assert.equal(await countFound(piece(0), OLD), 0);
});

test('a source has all but the changed chunks after changes in place', async () => {
  const wanted = Buffer.from(OLD);
  for (const chunk of [0, 17, 18, 99]) wanted.fill(7, chunk * CHUNK + 5, chunk * CHUNK + 9);
  assert.equal(await countFound(OLD, wanted), 96);
});

test('a source has the chunks behind bytes that were put in, taken out or added', async () => {
  assert((await countFound(OLD, Buffer.concat([piece(1), OLD]))) >= 99, 'in front');
  assert((await countFound(OLD, OLD.subarray(12_345))) >= 98, 'taken from the front');
  assert.equal(await countFound(OLD, Buffer.concat([OLD, piece(3 * CHUNK)])), 100, 'behind');
  assert((await countFound(OLD.subarray(0, 50 * CHUNK), OLD)) >= 50, 'cut off');
});

test('a source has most chunks after several insertions that move what follows', async () => {
  const pieces = [0, 1, 2, 3].map((quarter) =>
    OLD.subarray(quarter * 25 * CHUNK, (quarter + 1) * 25 * CHUNK),
  );
  const wanted = Buffer.concat(pieces.flatMap((bytes, index) => [bytes, piece(100 + index)]));
  const count = await countFound(OLD, wanted);
  assert(count >= 100 - 4 * 3, `${count} of 100`);
});
