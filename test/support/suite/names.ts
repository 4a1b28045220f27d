/** Renames, copies and what exists. */
import type { Case } from './operations.ts';

const RENAME_FILE: readonly Case[] = [
  {
    name: 'RenameFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.rename('a_file', 'a_new_file'),
    code: 'ok',
    tree: ['a_new_file'],
  },
  {
    name: 'RenameFileOverwrite',
    writer: 'open',
    given: ['a_file', 'a_file'],
    act: (fs) => fs.rename('a_file', 'a_new_file'),
    code: 'ok',
    tree: ['a_new_file'],
  },
  {
    name: 'RenameFileSourceNotFound',
    act: (fs) => fs.rename('a_file', 'a_new_file'),
    code: 'not_found',
  },
  {
    name: 'RenameFileDestinationParentNotFound',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.rename('a_file', 'a_dir/a_file'),
    code: 'not_found',
  },
  {
    name: 'RenameFileTargetIsDirectory',
    writer: 'open',
    given: ['a_file', 'a_dir/'],
    act: (fs) => fs.rename('a_file', 'a_dir'),
    code: 'is_a_directory',
  },
  {
    name: 'RenameFileSourcePathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.rename('a_file/x', 'a_new_file'),
    code: 'not_a_directory',
  },
  {
    name: 'RenameFileTargetPathIsInvalid',
    writer: 'open',
    given: ['a_file', 'a_file'],
    act: (fs) => fs.rename('a_file', 'a_file/a_new_file'),
    code: 'not_a_directory',
  },
  {
    name: 'RenameFileCompareContents',
    given: ['a_file=asdf'],
    act: async (fs) => {
      await fs.rename('a_file', 'a_new_file');
      return await fs.size('a_new_file');
    },
    code: 'ok',
    value: 4,
    tree: ['a_new_file'],
  },
];

const COPY_FILE: readonly Case[] = [
  {
    name: 'CopyFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.copy('a_file', 'a_new_file'),
    code: 'ok',
    tree: ['a_file', 'a_new_file'],
  },
  {
    name: 'CopyFileOverwrite',
    writer: 'open',
    given: ['a_file', 'a_file'],
    act: (fs) => fs.copy('a_file', 'a_new_file'),
    code: 'ok',
    tree: ['a_file', 'a_new_file'],
  },
  { name: 'CopyFileSourceNotFound', act: (fs) => fs.copy('a_file', 'a_new'), code: 'not_found' },
  {
    name: 'CopyFileSourceIsDirectory',
    given: ['a_dir/'],
    act: (fs) => fs.copy('a_dir', 'a_new_file'),
    code: 'is_a_directory',
  },
  {
    name: 'CopyFileTargetIsDirectory',
    writer: 'open',
    given: ['a_file', 'a_dir/'],
    act: (fs) => fs.copy('a_file', 'a_dir'),
    code: 'is_a_directory',
  },
  {
    name: 'CopyFileSourcePathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.copy('a_file/x', 'a_new_file'),
    code: 'not_a_directory',
  },
  {
    name: 'CopyFileTargetPathIsInvalid',
    writer: 'open',
    given: ['a_file', 'a_file'],
    act: (fs) => fs.copy('a_file', 'a_file/a_new_file'),
    code: 'not_a_directory',
  },
  {
    name: 'CopyFileCompareContents',
    given: ['a_file=asdf'],
    act: async (fs) => {
      await fs.copy('a_file', 'a_new_file');
      return [await fs.size('a_file'), await fs.size('a_new_file')];
    },
    code: 'ok',
    value: [4, 4],
    tree: ['a_file', 'a_new_file'],
  },
];

const EXISTS: readonly Case[] = [
  {
    name: 'FileExists',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.stat('a_file').kind,
    code: 'ok',
    value: 'file',
  },
  {
    name: 'FileExistsButIsDirectory',
    given: ['a_file/'],
    act: (fs) => fs.stat('a_file').kind,
    code: 'ok',
    value: 'directory',
  },
  { name: 'FileExistsNotFound', act: (fs) => fs.stat('a_file'), code: 'not_found' },
  {
    name: 'FileExistsPathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.stat('a_file/a_new_file'),
    code: 'not_a_directory',
  },
  {
    name: 'FilesExist',
    writer: 'destroyed',
    given: ['a', 'b'],
    act: (fs) => fs.exist('a', 'b'),
    code: 'ok',
    value: ['ok', 'ok'],
  },
  {
    name: 'FilesExistAllFailureModes',
    writer: 'open',
    given: ['a_dir/', 'a_file'],
    act: (fs) => fs.exist('a_dir', 'a_file', 'a_file/a_new_file', 'file_not_found'),
    code: 'ok',
    value: ['ok', 'ok', 'not_a_directory', 'not_found'],
  },
  { name: 'FilesExistsNoFiles', act: (fs) => fs.exist(), code: 'ok', value: [] },
];

/** What the suite looks at: length and is_directory. */

export const NAMES: readonly Case[] = [RENAME_FILE, COPY_FILE, EXISTS].flat();
