import assert from 'node:assert/strict';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { after, before, test } from 'node:test';
import { type CommandLine, startCommandLine } from './support/command-line.ts';

/** States that have names, with the real command line and the real server, whoever signs. */

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
  await mkdir(line.path('tree', 'sub'), { recursive: true });
  for (const custody of ['server', 'client']) {
    await writeFile(line.path('tree', 'a'), 'one');
    await writeFile(line.path('tree', 'sub', 'b'), 'b'.repeat(300_000));
    const volume = `gdp://${custody}`;
    await line.succeeds(['volume', 'create', custody, '--custody', custody]);
    await line.succeeds(['cp', '-r', 'tree/a', 'tree/sub', `${volume}/train/`]);
    await line.succeeds(['snapshot', 'create', volume, 'v1.0']);
    await writeFile(line.path('tree', 'a'), 'two');
    await line.succeeds(['cp', 'tree/a', `${volume}/train/a`]);
    await line.succeeds(['rm', '-r', `${volume}/train/sub`]);
  }
});
after(() => line[Symbol.asyncDispose]());

function both(name: string, check: (volume: string) => Promise<void>): void {
  for (const custody of ['server', 'client']) {
    test(`${name}, custody ${custody}`, async () => check(custody));
  }
}

both('a snapshot is read by its name, proven or not', async (volume) => {
  const [then, now] = [`gdp://${volume}@v1.0/train`, `gdp://${volume}/train`];
  for (const prove of [[], ['--prove']]) {
    const listed = `${then}:\na\nsub/\nsub/b\n\n${now}:\na\n`;
    assert.equal(await line.succeeds(['ls', '-r', ...prove, then, now]), listed);
    assert.equal(await line.succeeds(['cat', ...prove, `${then}/a`, `${now}/a`]), 'onetwo');
  }
  assert.equal(await line.succeeds(['ls', '--prove', '--at', 'v1.0', now]), 'a\nsub/\n');
  await line.succeeds(['cp', '-r', then, `copied-${volume}`]);
  assert.deepEqual(await readdir(line.path(`copied-${volume}`)), ['a', 'sub']);
  assert.equal(await readFile(line.path(`copied-${volume}`, 'a'), 'utf8'), 'one');
  await line.succeeds(['cp', '-r', then, `gdp://${volume}/within`]);
  await line.succeeds(['sync', then, `gdp://${volume}/within-too`]);
  const copies = ['within', 'within-too'].map((name) => `gdp://${volume}/${name}/a`);
  assert.equal(await line.succeeds(['cat', ...copies]), 'oneone');
});

test('whatever shows something shows a snapshot', async () => {
  const then = 'gdp://server@v1.0/train';
  assert.match(
    await line.succeeds(['stat', `${then}/a`]),
    /^path: +gdp:\/\/server@v1\.0\/train\/a\n/,
  );
  assert.match(await line.succeeds(['du', '-s', '-b', then]), /^ +300003 +2 files +gdp:.*@v1\.0/);
  assert.match(await line.succeeds(['md5sum', `${then}/a`]), /^f97c5d29941bfb1b2fdab0874906ab82/);
  await line.succeeds(['sync', then, 'synced']);
  const { stderr } = await line.run(['sync', then, 'synced']);
  assert.match(stderr, /copied 0 files/);
  assert.equal(await line.succeeds(['cat', '--at', 'v1.0', 'gdp://server/train/a']), 'one');
});

test('a path in a snapshot cannot be changed, nor looked at in another state', async () => {
  const then = 'gdp://server@v1.0/train';
  for (const args of [
    ['rm', '-r', then],
    ['cp', 'tree/a', `${then}/a`],
    ['sync', 'tree', then],
    ['mv', then, 'gdp://server/moved'],
    ['put', `${then}/a`],
  ]) {
    const { code, stderr } = await line.run(args, { input: 'x' });
    assert.equal(code, 77, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, /cannot change "gdp:.*": it is a state of the past, need "gdp:/);
  }
  const refused: readonly (readonly [readonly string[], number, RegExp])[] = [
    [['ls', '--at', '2', then], 64, /it is the state after record \d+, and that at "2" is asked/],
    [['ls', 'gdp://server@v2'], 66, /cannot look at snapshot "v2": the volume has none/],
    [['ls', '--at', 'v2', 'gdp://server'], 66, /cannot look at snapshot "v2"/],
    [['ls', 'gdp://server@999999'], 64, /cannot look at record 999999/],
    [['watch', then], 64, /cannot use ".*" with "@v1\.0": need "gdp:/],
    [['volume', 'history', 'gdp://server@v1.0'], 64, /need a volume/],
    [['snapshot', 'create', 'gdp://server', '1.0'], 64, /cannot name snapshot "1\.0"/],
  ];
  for (const [args, exit, state] of refused) {
    const { code, stderr } = await line.run(args);
    assert.equal(code, exit, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, state);
  }
  assert.equal(await line.succeeds(['cat', `${then}/a`]), 'one');
});

both('snapshots are listed, named after each other, and removed', async (volume) => {
  const root = `gdp://${volume}`;
  const { seq } = await line.json(['snapshot', 'ls', '--json', volume]);
  assert.equal(
    await line.succeeds(['snapshot', 'create', `${root}@v1.0`, 'v1.0-lts']),
    `${root}@v1.0-lts: the state after record ${String(seq)}\n`,
  );
  await line.succeeds(['snapshot', 'create', root, 'empty', '--at', '1']);
  assert.match(await line.fails(['snapshot', 'create', root, 'empty'], 73), /"empty"/);
  const listed = await line.succeeds(['snapshot', 'ls', root]);
  assert.match(listed, /^empty .*\nv1\.0 .*\nv1\.0-lts .*\n$/);
  assert.equal(await line.succeeds(['ls', `${root}@empty`]), '');
  assert.equal(await line.succeeds(['cat', `${root}@${String(seq)}/train/a`]), 'one');
  await line.succeeds(['snapshot', 'rm', '-f', root, 'empty', 'v1.0-lts']);
  assert.match(await line.succeeds(['snapshot', 'ls', root]), /^v1\.0 .*\n$/);
  assert.match(await line.fails(['snapshot', 'rm', '-f', root, 'v2'], 66), /snapshot "v2"/);
  const changes = (await line.succeeds(['log', '--json', root])).trimEnd().split('\n');
  const lines = changes.map((text) => JSON.parse(text) as { change: string; signature: string });
  assert.equal(lines.filter(({ change }) => change === 'policy').length, 6);
  assert(lines.every(({ signature }) => signature === 'signed'));
});

test('the past is kept for as long as the owner says', async () => {
  const root = 'gdp://client';
  const history = async (...args: string[]) =>
    await line.succeeds(['volume', 'history', root, ...args]);
  assert.equal(await history(), `${root}: 30 days\n`);
  assert.equal(await history('forever'), `${root}: all of its past\n`);
  assert.equal(await history('1'), `${root}: 1 day\n`);
  assert.equal((await line.json(['volume', 'history', '--json', root]))['historyDays'], 1);
  await line.fails(['volume', 'history', root, '4294967295'], 64);
});

test('what a snapshot holds can be brought back, after both keys were replaced', async () => {
  const root = 'gdp://client';
  await line.succeeds(['volume', 'key', 'rotate', root]);
  await line.succeeds(['volume', 'key', 'rotate', '--owner', root]);
  await line.succeeds(['restore', '-f', `${root}@v1.0/train`]);
  assert.equal(await line.succeeds(['ls', '-r', `${root}/train`]), 'a\nsub/\nsub/b\n');
  assert.equal(await line.succeeds(['cat', `${root}/train/a`]), 'one');
  await line.succeeds(['verify', root]);
});
