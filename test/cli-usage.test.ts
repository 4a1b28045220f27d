import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { VERBS } from '../src/cli/verbs.ts';
import { runCli } from './support/cli.ts';
import { PROGRAM } from './support/program.ts';
import { temporaryDirectory } from './support/server.ts';

/** What the command line says without a server. */

let stack: AsyncDisposableStack;
let home: string;

before(async () => {
  stack = new AsyncDisposableStack();
  home = stack.use(await temporaryDirectory()).path;
});
after(() => stack.disposeAsync());

test('gdpfs tells its version in four ways', async () => {
  const text = await readFile(join(import.meta.dirname, '../package.json'), 'utf8');
  const { version } = JSON.parse(text) as { version: string };
  for (const args of [['--version'], ['-V'], ['version'], ['--debug', '--version']]) {
    const expected = { code: 0, stdout: `gdpfs ${version}\n`, stderr: '' };
    assert.deepEqual(await runCli(args, { home }), expected);
  }
  const { stdout } = await runCli(['version', '--json'], { home });
  assert.deepEqual(JSON.parse(stdout), { version });
});

test('gdpfs --help lists every verb, and every verb has help of its own', async () => {
  const all = await runCli(['--help'], { home });
  assert.deepEqual([all.code, all.stderr], [0, '']);
  for (const [verb, { summary }] of Object.entries(VERBS)) {
    assert(all.stdout.includes(`\n  ${verb} `) && all.stdout.includes(summary), verb);
    const own = await runCli([verb, '--help'], { home });
    assert.deepEqual([own.code, own.stderr], [0, ''], verb);
    assert(own.stdout.startsWith(`Usage: gdpfs ${verb} `), own.stdout);
  }
  const help = await runCli(['help', 'cp'], { home });
  assert.equal(help.stdout, (await runCli(['cp', '--help'], { home })).stdout);
});

test('gdpfs takes an empty XDG_CACHE_HOME for none, and leaves nothing where it is run', async () => {
  await using folder = await temporaryDirectory();
  const [cwd, user] = [join(folder.path, 'cwd'), join(folder.path, 'user')];
  await mkdir(cwd);
  const env = { PATH: process.env['PATH'], HOME: user, XDG_CACHE_HOME: '' };
  assert.equal(spawnSync(process.execPath, [PROGRAM, 'ls', '--help'], { cwd, env }).status, 0);
  assert.deepEqual(await readdir(cwd), []);
});

const MISTAKES: readonly (readonly [string, readonly string[], RegExp])[] = [
  ['no command', [], /^gdpfs: error: no command given\n/m],
  [
    'an unknown verb',
    ['sl'],
    /^gdpfs: error: unknown command 'sl'\ngdpfs: hint: did you mean ls\?\n$/,
  ],
  [
    'no subcommand',
    ['volume'],
    /^gdpfs: error: no command given\ngdpfs: hint: see "gdpfs volume --help"\n/m,
  ],
  ['an unknown subcommand', ['volume', 'destroy'], /^gdpfs: error: unknown command 'destroy'\n/],
  ['an unknown option', ['ls', '--sort', 'gdp://v'], /^gdpfs: error: unknown option '--sort'\n/],
  [
    'a missing argument',
    ['cat'],
    /^gdpfs: error: missing required argument 'path'\ngdpfs: hint: see "gdpfs cat --help"\n$/,
  ],
  [
    'a missing argument of a subcommand',
    ['admin', 'user', 'rm'],
    /\ngdpfs: hint: see "gdpfs admin user rm --help"\n$/,
  ],
  [
    'no folder of a server',
    ['fsck', '--data', ''],
    /^gdpfs: error: cannot use "": need the folder of a server\n$/,
  ],
  [
    'an unknown choice',
    ['volume', 'create', 'v', '--custody', 'me'],
    /Allowed choices are server, client/,
  ],
  [
    'a bad number',
    ['cat', '--offset', '-1', 'gdp://v/f'],
    /^gdpfs: error: cannot use "-1": need a whole number\n$/,
  ],
  [
    'a copy without a destination',
    ['cp', 'gdp://v/f'],
    /^gdpfs: error: cannot copy: need a source and a destination\n$/,
  ],
  [
    'a bad name of a volume',
    ['volume', 'create', 'Vision'],
    /^gdpfs: error: cannot create volume "Vision": need 1 to 32 of a-z, 0-9 and -\n$/,
  ],
  [
    'a path where a volume is meant',
    ['volume', 'trust', 'gdp://v/x'],
    /^gdpfs: error: cannot use "gdp:\/\/v\/x": need a volume, "gdp:\/\/VOLUME"\n$/,
  ],
  ['a copy that stays here', ['cp', 'a', 'b'], /^gdpfs: error: cannot copy between local paths/],
  [
    'a local path',
    ['ls', '/tmp'],
    /^gdpfs: error: cannot use "\/tmp": need "gdp:\/\/VOLUME\/PATH"\n$/,
  ],
  [
    'a bad volume',
    ['ls', 'gdp://Not_A_Volume/x'],
    /^gdpfs: error: cannot use volume "Not_A_Volume"/,
  ],
  [
    'a bad path',
    ['ls', 'gdp://v/a/../b'],
    /^gdpfs: error: cannot use name "\.\.": it is reserved\n$/,
  ],
  [
    'a bad address',
    ['login', 'example.org', 'gdpfs1.x'],
    /^gdpfs: error: cannot use the server address "example.org": need "https:\/\/HOST:PORT"\n$/,
  ],
  [
    'a bad place to listen',
    ['serve', '--listen', 'here'],
    /^gdpfs: error: cannot listen on "here": need HOST:PORT\n$/,
  ],
  [
    'a bad server name',
    ['serve', '--name', 'a b', '--listen', '127.0.0.1:0'],
    /^gdpfs: error: cannot use the server name "a b"/,
  ],
];

for (const [title, args, stderr] of MISTAKES) {
  test(`gdpfs answers ${title} with exit code 64 and a sentence on standard error`, async () => {
    const result = await runCli(args, { home, cwd: home });
    assert.match(result.stderr, stderr);
    assert.deepEqual([result.code, result.stdout], [64, '']);
  });
}

test('gdpfs without a login says how to log in, with exit code 77', async () => {
  for (const args of [['whoami'], ['ls', 'gdp://v'], ['cp', 'x', 'gdp://v/x']]) {
    const result = await runCli(args, { home });
    assert.deepEqual([result.code, result.stdout], [77, '']);
    assert.match(result.stderr, /^gdpfs: error: .*\ngdpfs: hint: run "gdpfs login URL TOKEN"/);
  }
});

test('gdpfs refuses a damaged token with exit code 77 and does not repeat it', async () => {
  const args = ['login', 'https://127.0.0.1:1', 'gdpfs1.c2VjcmV0'];
  const result = await runCli(args, { home });
  assert.deepEqual([result.code, result.stdout], [77, '']);
  assert.match(result.stderr, /^gdpfs: error: cannot read the token/);
  assert(!result.stderr.includes('c2VjcmV0'));
});

test('gdpfs --debug shows where an error comes from', async () => {
  const result = await runCli(['--debug', 'whoami'], { home });
  assert.equal(result.code, 77);
  assert.match(result.stderr, /\n {4}at .*:\d+:\d+/);
});

test('gdpfs fsck, index rebuild, admin token and admin proxy make nothing where no server has run', async () => {
  for (const args of [
    ['fsck'],
    ['index', 'rebuild'],
    ['admin', 'token'],
    ['admin', 'proxy', 'edge'],
  ]) {
    const result = await runCli([...args, '--data', join(home, 'nowhere')], { home });
    assert.deepEqual([result.code, result.stdout], [66, '']);
    assert.match(result.stderr, /no server has run there/);
  }
});
