import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { removeLocal } from './local-removal.ts';

test('removeLocal() removes odd names and closed directories, and follows no link', (context) => {
  const folder = mkdtempSync(join(tmpdir(), 'gdpfs-removal-'));
  context.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'outside'));
  writeFileSync(join(folder, 'outside', 'precious'), 'x');
  mkdirSync(join(folder, 'tree', 'closed', 'deep'), { recursive: true });
  for (let index = 0; index < 600; index += 1) {
    writeFileSync(join(folder, 'tree', 'closed', 'deep', `f${index}`), '');
  }
  writeFileSync(Buffer.from(`${folder}/tree/\xff\xfe`, 'latin1'), '');
  symlinkSync('../outside', join(folder, 'tree', 'link'));
  symlinkSync('../../outside', join(folder, 'tree', 'closed', 'link'));
  chmodSync(join(folder, 'tree', 'closed', 'deep'), 0);
  chmodSync(join(folder, 'tree', 'closed'), 0o500);
  removeLocal(join(folder, 'tree'));
  assert.deepEqual(readdirSync(folder), ['outside']);
  assert.equal(readFileSync(join(folder, 'outside', 'precious'), 'utf8'), 'x');
  symlinkSync('outside', join(folder, 'link'));
  removeLocal(join(folder, 'link'));
  removeLocal(join(folder, 'nothing'));
  assert.deepEqual(readdirSync(folder), ['outside']);
});
