import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { LocalNames } from './local-names.ts';
import { foldName } from './name-folding.ts';

/** Finds names as a file system does that folds them. */
function isThere(path: string): boolean {
  const key = foldName(basename(path));
  return readdirSync(dirname(path)).some((name) => foldName(name) === key);
}

function newDirectory(context: TestContext, names: readonly string[]): string {
  const directory = mkdtempSync(join(tmpdir(), 'gdpfs-names-'));
  context.after(() => rmSync(directory, { recursive: true }));
  for (const name of names) writeFileSync(join(directory, name), '');
  return directory;
}

test('claim() refuses a name that is there in another spelling, and names it', (context) => {
  const directory = newDirectory(context, ['Kept', 'e\u0301', 'own']);
  const names = new LocalNames(directory, { folds: true, isThere });
  names.claim('own');
  names.claim('new');
  for (const [name, other] of [
    ['kept', 'Kept'],
    ['\u00e9', 'e\u0301'],
    ['NEW', 'new'],
  ] as const) {
    assert.throws(
      () => names.claim(name),
      ({ message }: Error) => message.includes(`/${name}"`) && message.includes(`for "${other}"`),
    );
  }
  names.claim('Kept');
});

test('claim() finds what was written since it looked', (context) => {
  const directory = newDirectory(context, ['a']);
  const names = new LocalNames(directory, { folds: true, isThere });
  names.claim('a');
  writeFileSync(join(directory, 'B'), '');
  assert.throws(() => names.claim('b'), { code: 'exists' });
  names.claim('B');
});

test('claim() takes any name where names are not folded', (context) => {
  const names = new LocalNames(newDirectory(context, ['A']), { folds: false, isThere });
  for (const name of ['A', 'a', 'e\u0301', '\u00e9']) names.claim(name);
});
