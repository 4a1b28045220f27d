/** What is asked for and cannot be done: one plain sentence, the right exit code, and nothing changed. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { spawnCli } from './support/cli.ts';
import { type CommandLine, startCommandLine } from './support/command-line.ts';
import { PROGRAM } from './support/program.ts';

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
  await line.succeeds(['volume', 'create', 'v']);
  await mkdir(line.path('tree'));
  await writeFile(line.path('tree', 'f'), 'content');
  await writeFile(line.path('file'), 'mine');
  await line.succeeds(['cp', '-r', 'tree', 'gdp://v/tree']);
});
after(() => line[Symbol.asyncDispose]());

const REFUSED: readonly (readonly [args: string, code: number, message: RegExp])[] = [
  [
    'ls --at Yesterday gdp://v',
    64,
    /cannot use the moment "Yesterday": need a seq, a time such as 20/,
  ],
  [
    'volume create Bad_Name',
    64,
    /cannot create volume "Bad_Name": need 1 to 32 of a-z, 0-9 and -\n/,
  ],
  ['cp --at 1 file gdp://v/x', 64, /look at the past of "file": it is local, need "gdp:/],
  ['sync --at 1 tree gdp://v/x', 64, /look at the past of "tree": it is local, need "gdp:/],
  ['cp -r gdp://v/tree file', 73, /cannot replace "file" by a directory: it is not a directory\n/],
  ['mkdir gdp://v', 73, /cannot create directory "gdp:\/\/v\/": it exists\n/],
  ['prove gdp://v/none proof', 66, /cannot find "gdp:\/\/v\/none": it does not exist, as is/],
  ['prove gdp://v/tree proof', 73, /prove the content of "gdp:\/\/v\/tree": it is not a file\n/],
  ['prove gdp://v/tree/f /proc/none', 66, /cannot create "\/proc\/none": no such file or direc/],
  ['admin group remove none admin', 66, /cannot remove from group "none": there is none\n/],
  ['admin quota gdp://v/tree', 64, /cannot use "gdp:\/\/v\/tree": need "gdp:\/\/VOLUME"\n/],
  ['admin grants --to nobody', 66, /list the grants to "nobody": there is no such principal\n/],
  ['admin grants --to group:none', 66, /list the grants to group "none": there is none\n/],
  ['admin audit --principal nobody', 66, /the audit of "nobody": there is no such principal\n/],
  ['admin audit --since 1', 64, /cannot use the time "1": need one such as 2026-11-20T12:00\n/],
  ['admin revoke admin gdp://v --node x', 64, /cannot use "x": need a whole number\n/],
  [
    'admin grant read admin gdp://v/tree/f',
    73,
    /"gdp:\/\/v\/tree\/f" as a directory: it is a file\n/,
  ],
  ['ls gdp://', 64, /cannot use volume "": .*\ngdpfs: hint: "gdpfs volume ls" lists the vol/],
  ['ls --at 2020-01-01 gdp://v', 66, /the volume at that time: its first record is newer\n/],
  ['log gdp://v/none', 66, /cannot show the log of "gdp:\/\/v\/none": no record tells of it\n/],
  ['rm gdp://v/tree', 73, /"gdp:\/\/v\/tree": it is a directory\ngdpfs: hint: use -r for direct/],
  ['cat gdp://v/none', 66, /error: cannot find "gdp:\/\/v\/none": it does not exist\n/],
  ['cat gdp://v/tree', 73, /error: cannot read "gdp:\/\/v\/tree": it is a directory, need a f/],
  ['ls gdp://v/tree/f/x', 73, /find "gdp:\/\/v\/tree\/f\/x": "gdp:\/\/v\/tree\/f" is not a direct/],
  ['put gdp://v/tree', 73, /error: cannot write "gdp:\/\/v\/tree": a directory, need a file or/],
  ['mv gdp://v/tree gdp://v/tree/x', 64, /"gdp:\/\/v\/tree": "gdp:\/\/v\/tree\/x" is inside it/],
  ['mv gdp://v/tree gdp://v/none/x', 66, /x": "gdp:\/\/v\/none" does not exist\n/],
  ['watch gdp://v/none', 66, /error: cannot watch "gdp:\/\/v\/none": it does not exist, and/],
  ['admin invite Bob', 64, /cannot use the name "Bob": need 1 to 64 of a-z, 0-9, /],
  ['admin user add a/b', 64, /cannot use the name "a\/b": need 1 to 64 of a-z, 0-9, /],
  ['share gdp://v --expires 366d', 64, /cannot share for "366d": need at most 365d\n/],
  [
    'rm gdp://v/none gdp://v/gone',
    66,
    /"gdp:\/\/v\/none": it does.*\n.*error: cannot find "gdp:\/\/v\/gone": /,
  ],
];
for (const [args, code, message] of REFUSED) {
  test(`gdpfs ${args} is refused with exit code ${code}`, async () => {
    assert.match(await line.fails(args.split(' '), code), message);
    assert.equal(await readFile(line.path('file'), 'utf8'), 'mine');
    assert(!existsSync(line.path('proof')));
    assert.equal(await line.succeeds(['ls', '-r', 'gdp://v']), 'tree/\ntree/f\n');
  });
}

test('gdpfs says that its output cannot be written, with exit code 73', async () => {
  for (const args of ['cat gdp://v/tree/f', 'ls gdp://v', 'cp --json file gdp://v/f']) {
    const child = spawn(
      'sh',
      ['-c', `exec "$0" "$@" > /dev/full`, process.execPath, PROGRAM, ...args.split(' ')],
      {
        env: { ...process.env, GDPFS_HOME: line.home },
        cwd: line.folder,
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    );
    const ended = once(child, 'exit');
    const stderr = await text(child.stderr);
    assert.match(
      stderr,
      /^gdpfs: error: cannot write standard output: no space left on the disk\n/,
    );
    assert.equal((await ended)[0], 73);
  }
});

test('gdpfs verify says no more than what it has checked', async () => {
  const depth = (what: string) => line.succeeds(['verify', '--depth', what, 'gdp://v']);
  assert.match(await depth('checkpoint'), /^gdp:\/\/v\/: good, the checkpoint over \d+ records\n$/);
  assert.match(await depth('chunks'), / \d+ signatures, 1 file, 7 B\n$/);
});

test('a transfer that is stopped says so to programs, and is no fault of gdpfs', async () => {
  await writeFile(line.path('large'), Buffer.alloc(3_000_000, 'x'));
  const args = ['cp', '--json', '--bwlimit', '100K', 'large', 'gdp://v/large'];
  const child = spawnCli(args, line.options);
  child.stdin.end();
  const ended = once(child, 'exit');
  const stdout = text(child.stdout);
  await once(child.stdout, 'data');
  child.kill('SIGINT');
  assert.equal((await ended)[0], 130);
  const events = (await stdout)
    .trimEnd()
    .split('\n')
    .map((event) => JSON.parse(event));
  assert.deepEqual(events.at(-2), {
    event: 'error',
    code: 'partial',
    message: 'stopped before the end',
  });
  assert.equal(events.at(-1).verified, false);
});
