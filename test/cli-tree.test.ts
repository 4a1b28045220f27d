import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, stat, symlink, utimes, writeFile } from 'node:fs/promises';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { hasTerminal, runOnTerminal, spawnCli } from './support/cli.ts';
import { type CommandLine, startCommandLine } from './support/command-line.ts';
import { PROGRAM } from './support/program.ts';

/** What the command line says of whole trees, and how it brings back what they were. */

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
  await line.succeeds(['volume', 'create', 'v']);
  await mkdir(line.path('tree', 'sub', 'deep'), { recursive: true });
  for (const [name, text] of [
    ['a', 'one'],
    ['sub/b', 'second'],
    ['sub/deep/c', ''],
  ] as const) {
    await writeFile(line.path('tree', name), text);
  }
  await symlink('a', line.path('tree', 'link'));
});
after(() => line[Symbol.asyncDispose]());

function linesOf(text: string): unknown[] {
  return text
    .trimEnd()
    .split('\n')
    .map((each) => JSON.parse(each));
}

async function seqOf(path: string): Promise<string> {
  const [newest] = linesOf(await line.succeeds(['log', '--json', '-n', '1', path]));
  return String((newest as { seq: number }).seq);
}

test('gdpfs du tells what is in each directory, down to a depth, in the past too', async () => {
  await line.succeeds(['cp', '-qr', 'tree', 'gdp://v/du']);
  const seq = await seqOf('gdp://v/du');
  const all = linesOf(await line.succeeds(['du', '--json', 'gdp://v/du']));
  const deep = { path: 'gdp://v/du/sub/deep', bytes: 0, files: 1, links: 0, directories: 0 };
  const sub = { path: 'gdp://v/du/sub', bytes: 6, files: 2, links: 0, directories: 1 };
  const top = { path: 'gdp://v/du', bytes: 9, files: 3, links: 1, directories: 2 };
  assert.deepEqual(all, [deep, sub, top]);
  assert.deepEqual(linesOf(await line.succeeds(['du', '-d', '1', '--json', 'gdp://v/du'])), [
    sub,
    top,
  ]);
  await line.succeeds(['rm', '-r', 'gdp://v/du/sub']);
  const then = ['du', '-s', '--json', '--prove', '--at', seq, 'gdp://v/du'];
  assert.deepEqual(linesOf(await line.succeeds(then)), [top]);
  const text = await line.succeeds(['du', '-b', 'gdp://v/du', 'gdp://v/du/a']);
  assert.match(text, /^ +3 {2} +1 file {2}gdp:\/\/v\/du\n +3 {2} +1 file {2}gdp:\/\/v\/du\/a\n$/);
  assert.match(await line.fails(['du', 'gdp://v/none'], 66), /^gdpfs: error: cannot .*none/);
});

test('gdpfs restore brings back a file that was changed, and one that was removed', async () => {
  await line.succeeds(['cp', '-q', 'tree/a', 'gdp://v/f']);
  const seq = await seqOf('gdp://v/f');
  await line.succeeds(['cp', '-q', 'tree/sub/b', 'gdp://v/f']);
  await line.succeeds(['restore', '-q', '--at', seq, 'gdp://v/f']);
  assert.equal(await line.succeeds(['cat', 'gdp://v/f']), 'one');
  await line.succeeds(['rm', 'gdp://v/f']);
  const { code, stderr } = await line.run(['restore', '--at', seq, 'gdp://v/f']);
  assert.equal(code, 0, stderr);
  assert.match(stderr, /^gdpfs: restored 1 file, 3 B in [^:]+: 0 B sent, 3 B already there\b/);
  const [, back = ''] =
    /^gdpfs: and back again: gdpfs restore --at (\d+) gdp:\/\/v\/f$/m.exec(stderr) ?? [];
  assert.equal(await line.succeeds(['cat', 'gdp://v/f']), 'one');
  await line.fails(['cat', '--at', back, 'gdp://v/f'], 66);
  const again = await line.run(['restore', '--at', seq, 'gdp://v/f']);
  assert.match(again.stderr, /^gdpfs: restored 0 files in [^:]+: 1 left as it was\n$/);
});

test('gdpfs restore makes a directory what it was, whether it was changed or removed, and moves no bytes', async () => {
  await line.succeeds(['cp', '-qr', 'tree', 'gdp://v/d']);
  const seq = await seqOf('gdp://v/d');
  const before = await line.succeeds(['ls', '-lr', 'gdp://v/d']);
  const { node } = JSON.parse(await line.succeeds(['stat', '--json', 'gdp://v/d']));
  await line.succeeds(['cp', '-q', 'tree/sub/b', 'gdp://v/d/a']);
  await line.succeeds(['cp', '-q', 'tree/a', 'gdp://v/d/late']);
  await line.succeeds(['rm', '-r', 'gdp://v/d/sub']);
  const { code, stdout, stderr } = await line.run(['restore', '--json', '--at', seq, 'gdp://v/d']);
  assert.equal(code, 0, stderr);
  const summary = linesOf(stdout).at(-1) as Record<string, unknown>;
  assert.deepEqual([summary['verified'], summary['bytesSent'], summary['removed']], [true, 0, 1]);
  assert.equal(await line.succeeds(['ls', '-lr', 'gdp://v/d']), before);
  await line.succeeds(['rm', '-r', 'gdp://v/d/sub/deep']);
  await line.succeeds(['rm', '-r', 'gdp://v/d']);
  await line.succeeds(['restore', '-q', '--at', seq, 'gdp://v/d']);
  assert.equal(await line.succeeds(['ls', '-lr', 'gdp://v/d']), before);
  const back = JSON.parse(await line.succeeds(['stat', '--json', 'gdp://v/d']));
  assert.equal(back.node, node, 'it is the same directory, with its grants');
});

test('gdpfs restore makes a whole volume what it was', async () => {
  await line.succeeds(['volume', 'create', 'whole']);
  await line.succeeds(['cp', '-qr', 'tree', 'gdp://whole/t']);
  const before = await line.succeeds(['ls', '-lr', 'gdp://whole']);
  const seq = await seqOf('gdp://whole');
  await line.succeeds(['mv', 'gdp://whole/t', 'gdp://whole/u']);
  await line.succeeds(['restore', '-q', '--at', seq, 'gdp://whole']);
  assert.equal(await line.succeeds(['ls', '-lr', 'gdp://whole']), before);
});

test('gdpfs restore refuses what it cannot do, and changes nothing', async () => {
  await line.succeeds(['cp', '-q', 'tree/a', 'gdp://v/kind']);
  const seq = await seqOf('gdp://v/kind');
  await line.succeeds(['rm', 'gdp://v/kind']);
  await line.succeeds(['mkdir', 'gdp://v/kind']);
  const none = await line.fails(['restore', 'gdp://v/kind'], 64);
  assert.match(none, /^gdpfs: error: cannot restore: need --at, .*\ngdpfs: hint: "gdpfs log gdp:/);
  const other = await line.fails(['restore', '--at', seq, 'gdp://v/kind'], 73);
  assert.match(other, /"gdp:\/\/v\/kind": it was a file, and a directory is there now\n/);
  await line.fails(['restore', '--at', seq, 'gdp://v/never'], 66);
  await line.fails(['restore', '--at', seq, 'local'], 64);
  assert.equal(await line.succeeds(['ls', 'gdp://v/kind']), '');
});

test('gdpfs volume rm removes a volume, if somebody says yes, and another of its name is then new', async () => {
  await line.succeeds(['volume', 'create', 'old']);
  await line.succeeds(['mkdir', 'gdp://old/d']);
  const unasked = await line.fails(['volume', 'rm', 'gdp://old'], 64);
  assert.match(unasked, /cannot remove volume "old": nobody can be asked, need --yes\n/);
  await line.fails(['volume', 'rm', '--yes', 'gdp://old/d'], 64);
  assert.match(
    await line.fails(['rm', '-r', 'gdp://old'], 64),
    /hint: .*"gdpfs volume rm" removes a volume\n/,
  );
  const full = await line.fails(['volume', 'rm', '--yes', 'gdp://old'], 73);
  assert.match(full, /cannot remove volume "old": it is not empty\n/);
  await line.succeeds(['rm', '-r', 'gdp://old/d']);
  if (hasTerminal()) {
    const terminal = { ...line.options, term: 'xterm', columns: 100, answer: 'n\n' };
    const { screen } = await runOnTerminal(['volume', 'rm', 'gdp://old'], terminal);
    assert.match(screen, /remove volume old \(0 names, 0 B, \d+ records\) for good\? \[y\/N\] /);
  }
  assert.match(await line.succeeds(['volume', 'rm', '-y', 'old']), /^removed gdp:\/\/old\/ \(/);
  await line.fails(['ls', 'gdp://old'], 66);
  await line.succeeds(['volume', 'create', 'old']);
  assert.equal(await line.succeeds(['ls', 'gdp://old']), '');
});

test('gdpfs put writes what comes on standard input, whole or not at all', async () => {
  const input = 'x'.repeat(700_000);
  const { code, stderr } = await line.run(['put', 'gdp://v/made/on/the/way'], { input });
  assert.deepEqual([code, stderr.replace(/ in .*/s, '')], [0, 'gdpfs: wrote 1 file, 700 KB']);
  assert.equal(await line.succeeds(['cat', 'gdp://v/made/on/the/way']), input);
  const kept = ['put', '-n', 'gdp://v/made/on/the/way'];
  assert.match(await line.fails(kept, 73, { input: 'y' }), /"gdp:\/\/v\/made\/on\/the\/way"/);
  const child = spawnCli(['put', 'gdp://v/stopped'], line.options);
  const told = text(child.stderr);
  const ended = once(child, 'close');
  // More than the pipe takes: it has begun to read.
  await new Promise((resolve) => child.stdin.write(Buffer.alloc(300_000), resolve));
  child.kill('SIGINT');
  assert.deepEqual([(await ended)[0], await told], [130, 'gdpfs: error: stopped before the end\n']);
  await line.fails(['stat', 'gdp://v/stopped'], 66);
});

test('gdpfs put of a directory is refused, and nothing is made', async () => {
  const args = ['-c', 'exec "$0" "$1" put gdp://v/unread < .', process.execPath, PROGRAM];
  const env = { ...process.env, GDPFS_HOME: line.options.home };
  const child = spawn('sh', args, { env, cwd: line.folder, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  const stderr = await text(child.stderr);
  assert.equal(stderr, 'gdpfs: error: cannot read standard input: it is a directory\n');
  assert.equal((await ended)[0], 73);
  await line.fails(['stat', 'gdp://v/unread'], 66);
});

test('gdpfs ls without a path lists the volumes', async () => {
  assert((await line.succeeds(['ls'])).split('\n').includes('gdp://v/'));
  assert.match(await line.succeeds(['ls', '-l']), /^v +admin +admin /m);
});

test('gdpfs sync gives a directory that is there the mode and time of its source, in both directions', async () => {
  await mkdir(line.path('from'));
  await writeFile(line.path('from', 'f'), 'f');
  await utimes(line.path('from'), 1_600_000_000, 1_600_000_000);
  const entryOf = async (path: string) => JSON.parse(await line.succeeds(['stat', '--json', path]));
  await line.succeeds(['mkdir', 'gdp://v/root']);
  await line.succeeds(['sync', '-q', 'from', 'gdp://v/root']);
  const { mtimeUs, seq } = await entryOf('gdp://v/root');
  assert.equal(mtimeUs, 1_600_000_000e6);
  await line.succeeds(['sync', '-q', 'from', 'gdp://v/root']);
  assert.equal((await entryOf('gdp://v/root')).seq, seq, 'what is right is left alone');
  await line.succeeds(['mkdir', 'gdp://v/other']);
  await line.succeeds(['sync', '-q', 'gdp://v/root', 'gdp://v/other']);
  assert.equal((await entryOf('gdp://v/other')).mtimeUs, mtimeUs);
  await mkdir(line.path('to'));
  await line.succeeds(['sync', '-q', 'gdp://v/other', 'to']);
  assert.equal(Math.floor((await stat(line.path('to'))).mtimeMs), 1_600_000_000e3);
  assert.equal(await readFile(line.path('to', 'f'), 'utf8'), 'f');
});
