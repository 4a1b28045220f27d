/**
 * The 104 cases of TensorFlow's file system suite, modular_filesystem_test.cc in
 * tensorflow/c/experimental/filesystem, as a table over the file system layer. Each case has a
 * directory of its own as its root.
 *
 * Its codes, and ours: OK `ok`, NOT_FOUND `not_found`, ALREADY_EXISTS `exists`, INVALID_ARGUMENT
 * `bad_request`, OUT_OF_RANGE `bad_range`; FAILED_PRECONDITION is whichever of `not_a_directory`,
 * `is_a_directory` and `not_empty` says what is wrong. A refused change must leave the tree as it was.
 *
 * Left out, 4 cases:
 *
 * | case                      | why                                                                |
 * |---------------------------|--------------------------------------------------------------------|
 * | TranslateName             | name translation: URIs are the client's, here a path is parsed     |
 * | AppendAndTell             | asks a writer before its commit; here a file is its commits        |
 * | Close                     | closes a writer; the layer has none                                |
 * | RenameFileSourceIsDirectory | expects a refusal; here a directory is renamed, tested below     |
 *
 * Different, though with the same result:
 *
 * | cases                     | how                                                                |
 * |---------------------------|--------------------------------------------------------------------|
 * | `writer: 'open'`, 44      | the suite looks at a file whose writer is still open, which must   |
 * |                           | be visible there; here the file is committed first                 |
 * | `writer: 'destroyed'`, 6  | the suite drops the writer without closing it; here it is committed |
 * | DeleteRecursively*, 7     | the counts of what was not deleted are the plugin's: all or nothing |
 * | IsDirectoryFile           | the suite's refusal is what `list` of a file says                  |
 * | RenameFileOverwrite, CopyFileOverwrite | the suite forgets to make the target; both are run as   |
 * |                           | it has them, and with a target below                               |
 */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { ALICE, openTestStore, outcome, type TestStore } from '../../test/support/store.ts';
import { DIRECTORIES } from '../../test/support/suite/directories.ts';
import { FILES } from '../../test/support/suite/files.ts';
import { NAMES } from '../../test/support/suite/names.ts';
import { type Case, Operations } from '../../test/support/suite/operations.ts';
import { STATUS } from '../../test/support/suite/status.ts';

const CASES: readonly Case[] = [FILES, DIRECTORIES, NAMES, STATUS].flat();

const LEFT_OUT = ['TranslateName', 'AppendAndTell', 'Close', 'RenameFileSourceIsDirectory'];

/** What the suite means, does not reach or does not expect. */
const OUR_CASES: readonly Case[] = [
  {
    name: 'rename replaces a file that is there',
    given: ['a_file=asdf', 'a_new_file=other'],
    act: async (fs) => {
      await fs.rename('a_file', 'a_new_file');
      return await fs.read('a_new_file', 0, 4);
    },
    code: 'ok',
    value: 'asdf',
    tree: ['a_new_file'],
  },
  {
    name: 'copy replaces a file that is there',
    given: ['a_file=asdf', 'a_new_file=other'],
    act: async (fs) => {
      await fs.copy('a_file', 'a_new_file');
      return [await fs.size('a_new_file'), await fs.read('a_new_file', 0, 4)];
    },
    code: 'ok',
    value: [4, 'asdf'],
    tree: ['a_file', 'a_new_file'],
  },
  {
    name: 'rename works on a directory, with all that is below it',
    given: ['a_dir/another_dir/', 'a_dir/a_file'],
    act: (fs) => fs.rename('a_dir', 'a_new_dir'),
    code: 'ok',
    tree: ['a_new_dir/', 'a_new_dir/a_file', 'a_new_dir/another_dir/'],
  },
  {
    name: 'rename puts a directory in the place of an empty one',
    given: ['a_dir/a_file', 'a_new_dir/'],
    act: (fs) => fs.rename('a_dir', 'a_new_dir'),
    code: 'ok',
    tree: ['a_new_dir/', 'a_new_dir/a_file'],
  },
  {
    name: 'rename does not put a directory in the place of one that is not empty',
    given: ['a_dir/a_file', 'a_new_dir/a_file'],
    act: (fs) => fs.rename('a_dir', 'a_new_dir'),
    code: 'not_empty',
  },
  {
    name: 'rename does not put a directory in the place of a file',
    given: ['a_dir/', 'a_file'],
    act: (fs) => fs.rename('a_dir', 'a_file'),
    code: 'not_a_directory',
  },
];

async function run(store: TestStore, one: Case, root: string): Promise<void> {
  const fs = new Operations(store, root);
  await fs.makeDirectory('');
  for (const text of one.given ?? []) {
    const [path = '', content] = text.split('=');
    if (path.endsWith('/')) await fs.makeDirectories(path.slice(0, -1));
    else {
      if (path.includes('/')) await fs.makeDirectories(path.slice(0, path.lastIndexOf('/')));
      await fs.write(path, content);
    }
  }
  const given = fs.tree();
  let value: unknown;
  const act = async (): Promise<void> => {
    value = await one.act(fs);
  };
  assert.equal(await outcome(act()), one.code);
  assert.deepEqual(value, one.value);
  assert.deepEqual(fs.tree(), one.tree ?? given);
}

describe('file system calls answer as the TensorFlow suite expects', () => {
  let store: TestStore;
  before(async () => {
    store = await openTestStore();
  });
  after(async () => {
    await store[Symbol.asyncDispose]();
  });

  it('covers the 104 cases', () => {
    const names = [...CASES.map(({ name }) => name), ...LEFT_OUT];
    assert.equal(new Set(names).size, 104);
    assert.equal(CASES.length, 100);
    assert.equal(LEFT_OUT.length, 4);
    assert.equal(CASES.filter(({ writer }) => writer === 'open').length, 44);
    assert.equal(CASES.filter(({ writer }) => writer === 'destroyed').length, 6);
  });

  for (const one of CASES) it(one.name, async () => run(store, one, `suite-${one.name}`));
  for (const [index, one] of OUR_CASES.entries()) {
    it(one.name, async () => run(store, one, `own-${index}`));
  }

  it('a file is not visible before its commit, though all its chunks are stored', async () => {
    const file = await store.content('asdf');
    await store.fs.openUpload({
      principal: ALICE.author,
      volume: store.volume,
      path: 'uploading',
      size: 4,
      chunkSize: 4,
    });
    assert.throws(() => store.stat('uploading'), { code: 'not_found' });
    await store.apply({ kind: 'put', path: 'uploading', file });
    assert.equal(await store.text('uploading'), 'asdf');
  });
});
