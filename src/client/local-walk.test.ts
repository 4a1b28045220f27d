import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isGdpfsError } from '../base/errors.ts';
import { comparePaths } from '../format/path.ts';
import { walk } from './local-walk.ts';
import { journalPath, partPath } from './part-names.ts';
import { compileFilter } from './sync/filter.ts';

function newDirectory(context: TestContext): string {
  const path = mkdtempSync(join(tmpdir(), 'gdpfs-walk-'));
  context.after(() => rmSync(path, { recursive: true }));
  return path;
}

test('walk() finds everything, a directory before its content, and follows no link', (context) => {
  const root = newDirectory(context);
  mkdirSync(join(root, 'b', 'empty'), { recursive: true });
  mkdirSync(join(root, 'a'));
  writeFileSync(join(root, 'a', 'file'), '');
  symlinkSync('..', join(root, 'a', 'up'));
  symlinkSync('/', join(root, 'c'));
  const found = [...walk(root)].map(({ kind, relative }) => `${kind} ${relative}`);
  assert.deepEqual(found, [
    'directory a',
    'file a/file',
    'symlink a/up',
    'directory b',
    'directory b/empty',
    'symlink c',
  ]);
});

test('walk() passes over what unfinished downloads have left', (context) => {
  const root = newDirectory(context);
  const part = partPath(join(root, 'file'), 'sha256:00');
  for (const path of [part, journalPath(part), `${part}.mine`]) writeFileSync(path, '');
  const names = (): string[] => [...walk(root)].map(({ relative }) => relative);
  assert.deepEqual(names(), [`${basename(part)}.mine`]);
  writeFileSync(join(root, '\uFFFD'), '');
  assert.deepEqual(names(), [`${basename(part)}.mine`, '\uFFFD']);
});

test('walk() tells in which directories they are, before anything in these', (context) => {
  const root = newDirectory(context);
  for (const directory of ['a', 'a/b', 'c', 'd']) mkdirSync(join(root, directory));
  for (const directory of ['', 'a/b', 'c']) {
    writeFileSync(join(root, directory, 'file'), '');
    writeFileSync(partPath(join(root, directory, 'file'), 'sha256:00'), '');
  }
  const told: string[] = [];
  for (const { relative } of walk(root, undefined, (directory) => told.push(`${directory}/`))) {
    told.push(relative);
  }
  assert.deepEqual(told, ['/', 'a', 'a/b', 'a/b/', 'a/b/file', 'c', 'c/', 'c/file', 'd', 'file']);
});

test('walk() names every thing that cannot be copied, and goes on', async (context) => {
  const root = newDirectory(context);
  const bytes = (text: string): Buffer => Buffer.from(`${root}/${text}`, 'latin1');
  writeFileSync(bytes('bad\xff'), '');
  mkdirSync(bytes('bad-directory\xff'));
  symlinkSync(Buffer.from('bad\xff', 'latin1'), join(root, 'link'));
  const listener = createServer().listen(join(root, 'socket'));
  context.after(() => listener.close());
  await once(listener, 'listening');
  writeFileSync(join(root, 'good\uFFFD'), '');
  const faults = [];
  const good = [];
  for (const item of walk(root)) {
    if (item.kind === 'fault') faults.push(item.error.message);
    else good.push(item.relative);
  }
  assert.deepEqual(good, ['good\uFFFD']);
  assert.deepEqual(faults.toSorted(), [
    'cannot copy "bad-directory\uFFFD": its name is not UTF-8',
    'cannot copy "bad\uFFFD": its name is not UTF-8',
    'cannot copy "link": its target is not UTF-8',
    'cannot copy "socket": it is a socket',
  ]);
});

test('walk() of something that is not there throws', (context) => {
  const none = join(newDirectory(context), 'none');
  assert.throws(
    () => [...walk(none)],
    (error) => isGdpfsError(error, 'not_found'),
  );
});

test('walk() keeps listing order, also of names beyond the basic plane', (context) => {
  const root = newDirectory(context);
  const names = ['a', 'a/x', 'a-b', 'a-b/x', '\uffee', '\u{1f600}', '\u{1f600}/\ue000'];
  for (const name of names) mkdirSync(join(root, name), { recursive: true });
  assert.deepEqual(
    [...walk(root)].map(({ relative }) => relative),
    names.toSorted(comparePaths),
  );
});

test('walk() does not enter what is excluded, and says nothing of it', (context) => {
  const root = newDirectory(context);
  mkdirSync(join(root, 'build', 'below'), { recursive: true });
  mkdirSync(join(root, 'source'));
  writeFileSync(join(root, 'source', 'build'), '');
  const isExcluded = compileFilter([{ kind: 'exclude', pattern: 'build/' }]);
  assert.deepEqual(
    [...walk(root, isExcluded)].map(({ relative }) => relative),
    ['source', 'source/build'],
  );
});
