/** Directories and removals. */
import type { Case } from './operations.ts';

const CREATE_DIR: readonly Case[] = [
  { name: 'CreateDir', act: (fs) => fs.makeDirectory('a_dir'), code: 'ok', tree: ['a_dir/'] },
  {
    name: 'CreateDirNoParent',
    act: (fs) => fs.makeDirectory('no_dir/a_dir'),
    code: 'not_found',
  },
  {
    name: 'CreateDirWhichIsFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.makeDirectory('a_file'),
    code: 'exists',
  },
  {
    name: 'CreateDirTwice',
    given: ['a_dir/'],
    act: (fs) => fs.makeDirectory('a_dir'),
    code: 'exists',
  },
  {
    name: 'CreateDirPathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.makeDirectory('a_file/a_dir'),
    code: 'not_a_directory',
  },
];

const DEEP = ['a/', 'a/path/', 'a/path/to/', 'a/path/to/a/'];

const RECURSIVELY_CREATE_DIR: readonly Case[] = [
  {
    name: 'RecursivelyCreateDir',
    act: (fs) => fs.makeDirectories('a/path/to/a/dir'),
    code: 'ok',
    tree: [...DEEP, 'a/path/to/a/dir/'],
  },
  {
    name: 'RecursivelyCreateDirInATree',
    given: ['a/path/to/a/dir/'],
    act: (fs) => fs.makeDirectories('a/path/to/a/another/dir'),
    code: 'ok',
    tree: [...DEEP, 'a/path/to/a/another/', 'a/path/to/a/another/dir/', 'a/path/to/a/dir/'],
  },
  {
    name: 'RecursivelyCreateDirWhichIsFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.makeDirectories('a_file'),
    code: 'not_a_directory',
  },
  {
    name: 'RecursivelyCreateDirTwice',
    given: ['a/path/to/a/dir/'],
    act: (fs) => fs.makeDirectories('a/path/to/a/dir'),
    code: 'ok',
  },
  {
    name: 'RecursivelyCreateDirPathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.makeDirectories('a_file/a_dir'),
    code: 'not_a_directory',
  },
  {
    name: 'RecursivelyCreateDirFromNestedDir',
    given: ['some/path/'],
    act: (fs) => fs.makeDirectories('some/path/that/is'),
    code: 'ok',
    tree: ['some/', 'some/path/', 'some/path/that/', 'some/path/that/is/'],
  },
  {
    name: 'RecursivelyCreateDirFromNestedFile',
    writer: 'open',
    given: ['some/path/to_a_file'],
    act: (fs) => fs.makeDirectories('some/path/to_a_file/error'),
    code: 'not_a_directory',
  },
];

const DELETE_FILE: readonly Case[] = [
  {
    name: 'DeleteFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.removeFile('a_file'),
    code: 'ok',
    tree: [],
  },
  {
    name: 'DeleteFileFromDirectory',
    writer: 'open',
    given: ['a_dir/a_file'],
    act: (fs) => fs.removeFile('a_dir/a_file'),
    code: 'ok',
    tree: ['a_dir/'],
  },
  { name: 'DeleteFileDoesNotExist', act: (fs) => fs.removeFile('a_file'), code: 'not_found' },
  {
    name: 'DeleteFileWhichIsDirectory',
    given: ['a_dir/'],
    act: (fs) => fs.removeFile('a_dir'),
    code: 'is_a_directory',
  },
  {
    name: 'DeleteFilePathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.removeFile('a_file/a_new_file'),
    code: 'not_a_directory',
  },
];

const DELETE_DIRECTORY: readonly Case[] = [
  {
    name: 'DeleteDirectory',
    given: ['a_dir/'],
    act: (fs) => fs.removeDirectory('a_dir'),
    code: 'ok',
    tree: [],
  },
  {
    name: 'DeleteDirectoryFromDirectory',
    given: ['a_dir/another_dir/'],
    act: (fs) => fs.removeDirectory('a_dir/another_dir'),
    code: 'ok',
    tree: ['a_dir/'],
  },
  {
    name: 'DeleteDirectoryDoesNotExist',
    act: (fs) => fs.removeDirectory('a_dir'),
    code: 'not_found',
  },
  {
    name: 'DeleteDirectoryNotEmpty',
    writer: 'open',
    given: ['a_dir/a_file'],
    act: (fs) => fs.removeDirectory('a_dir'),
    code: 'not_empty',
  },
  {
    name: 'DeleteDirectoryWhichIsFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.removeDirectory('a_file'),
    code: 'not_a_directory',
  },
  {
    name: 'DeleteDirectoryPathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.removeDirectory('a_file/a_dir'),
    code: 'not_a_directory',
  },
];

const DELETE_RECURSIVELY: readonly Case[] = [
  {
    name: 'DeleteRecursivelyEmpty',
    given: ['a_dir/'],
    act: (fs) => fs.removeAll('a_dir'),
    code: 'ok',
    tree: [],
  },
  {
    name: 'DeleteRecursivelyNotEmpty',
    writer: 'open',
    given: ['a_dir/another_dir/', 'a_dir/yet_another_dir/', 'a_dir/a_file'],
    act: (fs) => fs.removeAll('a_dir'),
    code: 'ok',
    tree: [],
  },
  { name: 'DeleteRecursivelyDoesNotExist', act: (fs) => fs.removeAll('a_dir'), code: 'not_found' },
  {
    name: 'DeleteRecursivelyAFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.removeAll('a_file'),
    code: 'ok',
    tree: [],
  },
  {
    name: 'DeleteRecursivelyPathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.removeAll('a_file/a_dir'),
    code: 'not_a_directory',
  },
  {
    name: 'DeleteRecursivelyANestedDir',
    given: ['parent/path/that/is/extended/'],
    act: (fs) => fs.removeAll('parent/path/that'),
    code: 'ok',
    tree: ['parent/', 'parent/path/'],
  },
  {
    name: 'DeleteRecursivelyANestedFile',
    writer: 'open',
    given: ['some/path/to_a_file'],
    act: (fs) => fs.removeAll('some/path/to_a_file'),
    code: 'ok',
    tree: ['some/', 'some/path/'],
  },
];

export const DIRECTORIES: readonly Case[] = [
  CREATE_DIR,
  RECURSIVELY_CREATE_DIR,
  DELETE_FILE,
  DELETE_DIRECTORY,
  DELETE_RECURSIVELY,
].flat();
