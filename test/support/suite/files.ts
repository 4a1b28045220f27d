/** Files: written, appended to, read. */
import type { Case } from './operations.ts';

const CREATE_FILE: readonly Case[] = [
  { name: 'CreateFile', act: (fs) => fs.write('a_file'), code: 'ok', tree: ['a_file'] },
  { name: 'CreateFileNonExisting', act: (fs) => fs.write('no_dir/a_file'), code: 'not_found' },
  {
    name: 'CreateFileExistingDir',
    given: ['a_file/'],
    act: (fs) => fs.write('a_file'),
    code: 'is_a_directory',
  },
  {
    name: 'CreateFilePathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.write('a_file/a_file'),
    code: 'not_a_directory',
  },
];

const APPEND_FILE: readonly Case[] = [
  { name: 'AppendFile', act: (fs) => fs.append('a_file'), code: 'ok', tree: ['a_file'] },
  { name: 'AppendFileNonExisting', act: (fs) => fs.append('no_dir/a_file'), code: 'not_found' },
  {
    name: 'AppendFileExistingDir',
    given: ['a_file/'],
    act: (fs) => fs.append('a_file'),
    code: 'is_a_directory',
  },
  {
    name: 'CreateThenAppendFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.append('a_file'),
    code: 'ok',
  },
  {
    name: 'AppendFilePathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.append('a_file/a_file'),
    code: 'not_a_directory',
  },
];

const READ_FILE: readonly Case[] = [
  { name: 'ReadFile', act: (fs) => fs.read('a_file', 0, 0), code: 'not_found' },
  { name: 'ReadFileNonExisting', act: (fs) => fs.read('no_dir/a_file', 0, 0), code: 'not_found' },
  {
    name: 'ReadFileExistingDir',
    given: ['a_file/'],
    act: (fs) => fs.read('a_file', 0, 0),
    code: 'is_a_directory',
  },
  {
    name: 'CreateThenReadFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.read('a_file', 0, 0),
    code: 'ok',
    value: '',
  },
  {
    name: 'ReadFilePathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.read('a_file/a_file', 0, 0),
    code: 'not_a_directory',
  },
];

const MEMORY_REGION: readonly Case[] = [
  { name: 'CreateMemoryRegion', act: (fs) => fs.map('a_file'), code: 'not_found' },
  {
    name: 'CreateMemoryRegionNonExisting',
    act: (fs) => fs.map('no_dir/a_file'),
    code: 'not_found',
  },
  {
    name: 'CreateMemoryRegionExistingDir',
    given: ['a_file/'],
    act: (fs) => fs.map('a_file'),
    code: 'is_a_directory',
  },
  {
    name: 'CreateMemoryRegionFromEmptyFile',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.map('a_file'),
    code: 'bad_request',
  },
  {
    name: 'CreateMemoryRegionFromFile',
    given: ['a_file=asdf'],
    act: (fs) => fs.map('a_file'),
    code: 'ok',
    value: 'asdf',
  },
  {
    name: 'CreateMemoryRegionFromFilePathIsInvalid',
    writer: 'open',
    given: ['a_file'],
    act: (fs) => fs.map('a_file/a_file'),
    code: 'not_a_directory',
  },
];

const CONTENT: readonly Case[] = [
  {
    name: 'RoundTrip',
    given: ['a_file=asdf'],
    act: (fs) => fs.read('a_file', 0, 4),
    code: 'ok',
    value: 'asdf',
  },
  {
    name: 'RoundTripWithAppendableFile',
    given: ['a_file=asdf'],
    act: async (fs) => {
      await fs.append('a_file', 'qwer');
      return [await fs.read('a_file', 0, 8), await fs.read('a_file', 4, 4)];
    },
    code: 'ok',
    value: ['asdfqwer', 'qwer'],
  },
  {
    name: 'ReadOutOfRange',
    given: ['a_file=asdf'],
    act: (fs) => fs.read('a_file', 0, 5),
    code: 'bad_range',
  },
];

export const FILES: readonly Case[] = [
  CREATE_FILE,
  APPEND_FILE,
  READ_FILE,
  MEMORY_REGION,
  CONTENT,
].flat();
