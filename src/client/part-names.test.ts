import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { Scratch } from '../../test/support/scratch.ts';
import {
  findParts,
  finishingPath,
  journalPath,
  partPath,
  partPrefix,
  privatePartPath,
} from './part-names.ts';

test('findParts() finds parts and journals by their target, and nothing that is not ours', () => {
  using folder = new Scratch();
  const target = join(folder.path, 'n'.repeat(LIMITS.nameBytesMax));
  const part = partPath(target, 'sha256:00');
  const ours = [part, journalPath(part), finishingPath(part), privatePartPath(target)];
  const other = partPath(join(folder.path, 'other'), 'sha256:00');
  const foreign = [`${part}.txt`, join(folder.path, '.gdpfs-part-'), join(folder.path, 'other')];
  for (const path of [...ours, ...foreign, other]) writeFileSync(path, '');
  mkdirSync(partPath(target, 'sha256:01'));
  const found = findParts(folder.path);
  assert.deepEqual(found.get(partPrefix(target)), new Set(ours.map((path) => basename(path))));
  assert.deepEqual([...found.values()].flatMap((names) => [...names]).length, ours.length + 1);
});
