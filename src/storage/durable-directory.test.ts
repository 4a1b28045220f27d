import assert from 'node:assert/strict';
import { chmodSync, mkdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { Scratch } from '../../test/support/scratch.ts';
import { makeDurableDirectory } from './durable-directory.ts';

describe('makeDurableDirectory()', () => {
  it('makes the folder and its parents for their owner only, and accepts one that is there', () => {
    using scratch = new Scratch();
    const path = join(scratch.path, 'a/b/c');
    for (let count = 0; count < 2; count++) makeDurableDirectory(path);
    for (const each of ['a', 'a/b', 'a/b/c']) {
      assert.equal(statSync(join(scratch.path, each)).mode & 0o777, 0o700);
    }
    mkdirSync(join(scratch.path, 'open'));
    chmodSync(join(scratch.path, 'open'), 0o755);
    makeDurableDirectory(join(scratch.path, 'open/d'));
    assert.equal(statSync(join(scratch.path, 'open')).mode & 0o777, 0o755);
  });
});
