import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, test } from 'node:test';
import { type CommandLine, startCommandLine } from './support/command-line.ts';
import { CACHES, COMPILE_CACHE, PROGRAM } from './support/program.ts';

/** What a shell puts in when the tabulator key is pressed. */

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
  await line.succeeds(['volume', 'create', 'vision']);
  await line.succeeds(['mkdir', 'gdp://vision/train', 'gdp://vision/two words']);
  await line.succeeds(['put', '-q', 'gdp://vision/test'], { input: 'x' });
});
after(() => line[Symbol.asyncDispose]());

/** Each completes the lines that are its arguments, and prints for each what that may become. */
const SCRIPTS = {
  bash: `
    eval "$(gdpfs completion)"
    for COMP_LINE in "$@"; do
      COMP_POINT=\${#COMP_LINE} COMP_WORDS=(gdpfs)
      _gdpfs
      printf '%s|' "\${COMPREPLY[@]}"
      echo
    done`,
  zsh: `
    compdef() { [[ "$*" == '_gdpfs gdpfs' ]] }
    _files() { printf 'a file|' }
    compadd() {
      local blank=' '
      while [[ $1 != -- ]]; do [[ $1 == -S ]] && blank=$2 && shift; shift; done
      shift
      printf "%s$blank|" "$@"
    }
    source <(gdpfs completion zsh)
    for text in "$@"; do
      words=("\${(@s: :)\${text//\\\\ /_}}")
      words=("\${(@)words//_/\\\\ }")
      CURRENT=$#words PREFIX=$words[-1]
      _gdpfs
      echo
    done`,
  fish: `
    gdpfs completion fish | source
    for line in $argv
      printf '%s|' (complete -C $line | string replace -r '\\t.*' '')
      echo
    end`,
} as const;

type Shell = keyof typeof SCRIPTS;

/** Nothing of the user is read. */
const ARGUMENTS: Readonly<Record<Shell, readonly string[]>> = {
  bash: ['--norc'],
  zsh: ['-f'],
  fish: ['--no-config'],
};

function isThere(shell: Shell): boolean {
  return spawnSync(shell, ['--version']).status === 0;
}

/** Has the shell complete each of the lines. */
function completed(shell: Shell, lines: readonly string[]): string[][] {
  const arguments_ = shell === 'fish' ? '$argv' : '"$@"';
  const body = `'${process.execPath}' '${PROGRAM}' ${arguments_};`;
  const own = shell === 'fish' ? `function gdpfs; ${body} end` : `gdpfs() { ${body} }`;
  const script = `${own}\n${SCRIPTS[shell]}`;
  const name = shell === 'fish' ? [] : [shell];
  const args = [...ARGUMENTS[shell], '-c', script, ...name, ...lines];
  const { stdout, stderr } = spawnSync(shell, args, {
    encoding: 'utf8',
    cwd: line.folder,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      PATH: process.env['PATH'],
      HOME: line.folder,
      GDPFS_HOME: line.home,
      NODE_COMPILE_CACHE: COMPILE_CACHE,
      XDG_CACHE_HOME: CACHES,
    },
  });
  assert.equal(stderr, '');
  return stdout
    .trimEnd()
    .split('\n')
    .map((text) => text.split('|').slice(0, -1).toSorted());
}

const TYPED = [
  'gdpfs wh',
  'gdpfs volume trust --re',
  'gdpfs ls gdp://vi',
  'gdpfs --profile default ls gdp://vision/t',
  'gdpfs --profile=default ls gdp://vision/te',
  'gdpfs ls gdp://vision/two\\ w',
];
const MEANT = [
  ['whoami '],
  ['--reset '],
  ['gdp://vision/'],
  ['gdp://vision/test ', 'gdp://vision/train/', 'gdp://vision/two\\ words/'],
  ['gdp://vision/test '],
  ['gdp://vision/two\\ words/'],
];

for (const shell of ['bash', 'zsh', 'fish'] as const) {
  test(`${shell} completes verbs, subcommands, options, volumes and paths`, {
    skip: !isThere(shell) && `there is no ${shell}`,
  }, () => {
    const wanted = MEANT.map((texts) =>
      texts.map((text) => {
        // What is before the colon stays.
        if (shell === 'bash') return text.replace(/^gdp:/, '');
        // It quotes for itself, and puts a blank behind where one belongs.
        return shell === 'fish' ? text.replace(/ $/, '').replaceAll('\\ ', ' ') : text;
      }),
    );
    assert.deepEqual(completed(shell, TYPED), wanted);
  });
}

test('bash does not complete inside of quotes', () => {
  assert.deepEqual(completed('bash', ['gdpfs ls "gdp://vision/t']), [['']]);
});
