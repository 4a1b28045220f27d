import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { foldName, foldsNames } from './name-folding.ts';

test('foldsNames() looks at the directory, leaves nothing there, and is careful where it cannot', (context) => {
  const directory = mkdtempSync(join(tmpdir(), 'gdpfs-folding-'));
  context.after(() => rmSync(directory, { recursive: true }));
  assert.equal(foldsNames(directory), process.platform === 'darwin');
  assert.deepEqual(readdirSync(directory), []);
  assert.equal(foldsNames(join(directory, 'none')), true);
});

test('foldName() makes equal what differs in case or normalization, and nothing else', () => {
  const same = [
    ['README', 'readme'],
    ['\u00c9', 'e\u0301'],
    ['stra\u00dfe', 'STRASSE'],
    ['\u03a3', '\u03c2'],
    ['a\u200db', 'ab'],
  ] as const;
  for (const [left, right] of same) assert.equal(foldName(left), foldName(right));
  assert.notEqual(foldName('a'), foldName('\u00e4'));
  assert.notEqual(foldName('a b'), foldName('ab'));
});
