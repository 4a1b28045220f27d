import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import type { TreeEntry } from './action.ts';
import { PartCutter } from './part-cutter.ts';

/** Lengths of the first two parts of a tree whose files have this size and name. */
function lengthsOf(entry: Pick<TreeEntry, 'size' | 'relative'>, movesContent = true): number[] {
  const cutter = new PartCutter(movesContent);
  const lengths: number[] = [];
  for (let length = 1; lengths.length < 2; length += 1) {
    if (!cutter.endsBehind({ ...entry, kind: 'file', mode: 0o644, mtimeUs: 0 })) continue;
    lengths.push(length);
    length = 0;
  }
  return lengths;
}

test('PartCutter ends parts by their number of entries, and the first one early', () => {
  assert.deepEqual(lengthsOf({ relative: 'a', size: 1 }), [LIMITS.firstNames, LIMITS.tarFilesMax]);
});

test('PartCutter ends parts by their content, where that travels', () => {
  const size = LIMITS.tarBytesTarget / 8;
  assert.deepEqual(lengthsOf({ relative: 'a', size }), [8, 8]);
  assert.deepEqual(
    lengthsOf({ relative: 'a', size }, false),
    lengthsOf({ relative: 'a', size: 0 }),
  );
});

test('PartCutter ends parts whose names alone would fill a tar', () => {
  const relative = 'n'.repeat(LIMITS.pathBytesMax);
  const [first = 0, second = 0] = lengthsOf({ relative, size: 0 });
  assert.equal(first, LIMITS.firstNames);
  assert(second < LIMITS.tarFilesMax && second * relative.length < LIMITS.tarBodyBytesMax);
});
