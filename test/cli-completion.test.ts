import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { type CommandLine, startCommandLine } from './support/command-line.ts';
import { CACHES, COMPILE_CACHE, PROGRAM } from './support/program.ts';

/** What bash puts in when the tabulator key is pressed. */

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
  await line.succeeds(['volume', 'create', 'vision']);
  await line.succeeds(['mkdir', 'gdp://vision/train', 'gdp://vision/two words']);
  await line.succeeds(['put', '-q', 'gdp://vision/test'], { input: 'x' });
});
after(() => line[Symbol.asyncDispose]());

/** Has bash complete each of the lines; with a colon among what takes words apart, as it is. */
function completed(lines: readonly string[]): string[][] {
  const script = `
    gdpfs() { '${process.execPath}' '${PROGRAM}' "$@"; }
    eval "$(gdpfs completion)"
    for COMP_LINE in "$@"; do
      COMP_POINT=\${#COMP_LINE} COMP_WORDS=(gdpfs)
      _gdpfs
      printf '%s|' "\${COMPREPLY[@]}"
      echo
    done`;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script, 'bash', ...lines], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      GDPFS_HOME: line.home,
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      XDG_CACHE_HOME: CACHES,
    },
  });
  assert.equal(stderr, '');
  return stdout
    .trimEnd()
    .split('\n')
    .map((text) => text.split('|').slice(0, -1));
}

test('bash completes verbs, subcommands, options, volumes and paths', () => {
  const lines = [
    'gdpfs wh',
    'gdpfs volume trust --re',
    'gdpfs ls gdp://vi',
    'gdpfs --profile default ls gdp://vision/t',
    'gdpfs ls gdp://vision/two\\ w',
    'gdpfs ls "gdp://vision/t',
  ];
  assert.deepEqual(completed(lines), [
    ['whoami '],
    ['--reset '],
    // What is before the colon stays.
    ['//vision/'],
    ['//vision/test ', '//vision/train/', '//vision/two\\ words/'],
    ['//vision/two\\ words/'],
    [''],
  ]);
});
