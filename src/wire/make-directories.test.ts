import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { makeDirectories } from './make-directories.ts';

const folder = mkdtempSync(join(tmpdir(), 'gdpfs-test-'));
after(() => rmSync(folder, { recursive: true }));

test('makeDirectories() makes what is missing, with its mode, and says where that begins', () => {
  assert.equal(makeDirectories(join(folder, 'a', 'b', 'c'), 0o700), join(folder, 'a'));
  for (const path of ['a', 'a/b', 'a/b/c']) {
    assert.equal(statSync(join(folder, path)).mode & 0o777, 0o700);
  }
  assert.equal(makeDirectories(join(folder, 'a', 'b')), undefined);
  assert.equal(makeDirectories(join(folder, 'a', 'd', '..', 'e')), join(folder, 'a', 'e'));
  assert.equal(makeDirectories('/'), undefined);
});

test('makeDirectories() says what is in the way, and gives up where nothing can be made', () => {
  writeFileSync(join(folder, 'file'), '');
  assert.throws(() => makeDirectories(join(folder, 'file')), { code: 'EEXIST' });
  assert.throws(() => makeDirectories(join(folder, 'file', 'below')), { code: 'ENOTDIR' });
  assert.throws(() => makeDirectories('/proc/none/below'), { code: 'ENOENT' });
});
