import assert from 'node:assert/strict';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Scratch } from '../../test/support/scratch.ts';
import { Leftovers, leftoversOf } from './leftovers.ts';
import { journalPath, partPath } from './part-names.ts';

test('leftovers are what was there when the directory was read, and what was added', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'file');
  const [old, own, later] = ['1', '2', '3'].map((etag) => partPath(target, etag));
  assert(old !== undefined && own !== undefined && later !== undefined);
  const foreign = partPath(join(folder.path, 'other'), '1');
  for (const path of [old, journalPath(old), own, foreign]) writeFileSync(path, '');
  const leftovers = new Leftovers();
  assert.deepEqual(leftovers.partsOf(target, own), [old]);
  assert(leftovers.has(target, own) && !leftovers.has(target, later));
  for (const path of [later, journalPath(later)]) writeFileSync(path, '');
  assert(!leftovers.has(target, later), 'the directory is read once');
  leftovers.add(target, later);
  leftovers.forget(target, own);
  assert.deepEqual(leftovers.partsOf(target, ''), [old, later]);
  await leftovers.remove(target);
  const kept = [own, foreign].map((path) => path.slice(folder.path.length + 1));
  assert.deepEqual(readdirSync(folder.path).toSorted(), kept.toSorted());
  assert.deepEqual(leftovers.partsOf(target, ''), []);
});

test('the files of one command share their leftovers', () => {
  const transfer = {};
  assert.equal(leftoversOf(transfer), leftoversOf(transfer));
  assert.notEqual(leftoversOf(transfer), leftoversOf({}));
});

test('a directory that cannot be read has no leftovers', async () => {
  using folder = new Scratch();
  const target = join(folder.path, 'none', 'file');
  const leftovers = new Leftovers();
  assert.deepEqual(leftovers.partsOf(target, ''), []);
  await leftovers.remove(target);
});
