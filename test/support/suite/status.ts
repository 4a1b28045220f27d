/** Status and listings. */
import type { Case, Operations } from './operations.ts';

const statistics = (fs: Operations, path: string): unknown => {
  const { size, kind } = fs.stat(path);
  return { size, isDirectory: kind === 'directory' };
};

const STAT: readonly Case[] = [
  {
    name: 'StatEmptyFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => statistics(fs, 'a_file'),
    code: 'ok',
    value: { size: 0, isDirectory: false },
  },
  {
    name: 'StatNonEmptyFile',
    given: ['a_file=asdf'],
    act: (fs) => statistics(fs, 'a_file'),
    code: 'ok',
    value: { size: 4, isDirectory: false },
  },
  {
    name: 'StatDirectory',
    given: ['a_dir/'],
    act: (fs) => statistics(fs, 'a_dir'),
    code: 'ok',
    value: { size: 0, isDirectory: true },
  },
  { name: 'StatNotFound', act: (fs) => fs.stat('a_dir'), code: 'not_found' },
  {
    name: 'StatPathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.stat('a_file/a_new_file'),
    code: 'not_a_directory',
  },
  {
    name: 'IsDirectory',
    given: ['a_dir/'],
    act: (fs) => fs.children('a_dir'),
    code: 'ok',
    value: [],
  },
  {
    name: 'IsDirectoryFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.children('a_file'),
    code: 'not_a_directory',
  },
  { name: 'IsDirectoryNotFound', act: (fs) => fs.children('a_dir'), code: 'not_found' },
  {
    name: 'IsDirectoryPathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.children('a_file/a_new_file'),
    code: 'not_a_directory',
  },
  {
    name: 'GetFileSizeEmptyFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.size('a_file'),
    code: 'ok',
    value: 0,
  },
  {
    name: 'GetFileSizeNonEmptyFile',
    given: ['a_file=asdf'],
    act: (fs) => fs.size('a_file'),
    code: 'ok',
    value: 4,
  },
  {
    name: 'GetFileSizeDirectory',
    given: ['a_dir/'],
    act: (fs) => fs.size('a_dir'),
    code: 'is_a_directory',
  },
  { name: 'GetFileSizeNotFound', act: (fs) => fs.size('a_dir'), code: 'not_found' },
  {
    name: 'GetFileSizePathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.size('a_file/a_new_file'),
    code: 'not_a_directory',
  },
];

const FOUR_FILES = ['a_file', 'another_file', 'some_file', 'yet_another_file'];

const LISTINGS: readonly Case[] = [
  {
    name: 'GetChildren',
    writer: 'destroyed',
    given: ['dir/a_file', 'dir/another_file', 'dir/a_dir/', 'dir/another_dir/'],
    act: (fs) => fs.children('dir'),
    code: 'ok',
    value: ['a_dir', 'a_file', 'another_dir', 'another_file'],
  },
  {
    name: 'GetChildrenEmpty',
    given: ['dir/'],
    act: (fs) => fs.children('dir'),
    code: 'ok',
    value: [],
  },
  {
    name: 'GetChildrenOfFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.children('a_file'),
    code: 'not_a_directory',
  },
  { name: 'GetChildrenPathNotFound', act: (fs) => fs.children('a_dir'), code: 'not_found' },
  {
    name: 'GetChildrenPathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.children('a_file/a_new_dir'),
    code: 'not_a_directory',
  },
  {
    name: 'GetMatchingPaths',
    writer: 'destroyed',
    given: FOUR_FILES,
    act: (fs) => fs.glob('/a*'),
    code: 'ok',
    value: ['a_file', 'another_file'],
  },
  {
    name: 'GetMatchingPathsEmptyFileSystem',
    act: (fs) => fs.glob('a*'),
    code: 'ok',
    value: [],
  },
  {
    name: 'GetMatchingPathsEmptyPattern',
    writer: 'destroyed',
    given: FOUR_FILES,
    act: (fs) => fs.glob(''),
    code: 'ok',
    value: [''],
  },
  {
    name: 'GetMatchingPathsLiteralMatch',
    writer: 'destroyed',
    given: FOUR_FILES,
    act: (fs) => fs.glob('a_file'),
    code: 'ok',
    value: ['a_file'],
  },
  {
    name: 'GetMatchingPathsNoMatch',
    writer: 'destroyed',
    given: FOUR_FILES,
    act: (fs) => fs.glob('x?y*'),
    code: 'ok',
    value: [],
  },
];

export const STATUS: readonly Case[] = [STAT, LISTINGS].flat();
