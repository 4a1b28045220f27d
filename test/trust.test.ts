import assert from 'node:assert/strict';
import { cp, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { base64urlDecode } from '../src/base/bytes.ts';
import { systemClock } from '../src/base/clock.ts';
import { openHome } from '../src/client/home.ts';
import { openFileSystem } from '../src/fs/open.ts';
import { mountReadOnly } from './support/mount.ts';
import { type CommandLine, copyCommandLine, startCommandLine } from './support/command-line.ts';
import { temporaryDirectory } from './support/server.ts';

/** Servers that do not stand by what they have shown, and the command line that remembers it. */

/** What all tests begin with. */
let first: CommandLine;
let line: CommandLine;

before(async () => {
  first = await startCommandLine();
  await first.succeeds(['volume', 'create', 'vision']);
  await first.succeeds(['mkdir', 'gdp://vision/first']);
  await first.stopServer();
});
after(() => first[Symbol.asyncDispose]());
beforeEach(async () => {
  line = await copyCommandLine(first);
});
afterEach(() => line[Symbol.asyncDispose]());

/** The data folder as it is now, for a server that goes back to it. */
async function backUp(name: string): Promise<void> {
  await line.stopServer();
  await cp(line.path('data'), line.path(name), { recursive: true });
  await line.startServer();
}

async function isRefused(args: readonly string[], state: RegExp): Promise<void> {
  const { code, stdout, stderr } = await line.run(args);
  assert.deepEqual([code, stdout], [76, ''], stderr);
  assert.match(stderr, /^gdpfs: error: .*cannot use volume "vision": /);
  assert.match(stderr, state);
  assert.match(stderr, /^gdpfs: hint: .*gdpfs volume trust --reset gdp:\/\/vision$/m);
}

/** Count of records of the newest checkpoint that is remembered. */
async function remembered(as = line.home): Promise<number> {
  return JSON.parse(
    await line.succeeds(['volume', 'trust', 'gdp://vision', '--json'], { home: as }),
  ).count;
}

async function notes(): Promise<string[]> {
  const [volume = ''] = await readdir(join(line.home, 'checkpoints'));
  return await readdir(join(line.home, 'checkpoints', volume));
}

test('a server that was set back to a backup is caught by the next command of any kind, until trust is reset', async () => {
  await backUp('old');
  await line.succeeds(['mkdir', 'gdp://vision/second']);
  await line.startServer('old');
  const wentBack = /it has 3 records, and 4 were seen before/;
  await isRefused(['ls', 'gdp://vision'], wentBack);
  await isRefused(['mkdir', 'gdp://vision/third'], wentBack);
  await isRefused(['verify', 'gdp://vision'], wentBack);
  assert.equal(await remembered(), 4);
  assert.equal(
    await line.succeeds(['volume', 'trust', '--reset', 'gdp://vision']),
    'gdp://vision: forgotten\n',
  );
  assert.equal(await line.succeeds(['ls', 'gdp://vision']), 'first/\n');
  assert.equal(await remembered(), 3);
});

test('a server whose history is another one is caught, whether it is shorter, as long or longer', async () => {
  await backUp('fork');
  const other = line.path('other');
  await cp(line.home, other, { recursive: true });
  await line.succeeds(['mkdir', 'gdp://vision/ours']);
  await line.succeeds(['mkdir', 'gdp://vision/ours/too']);
  await line.startServer('fork', [line.home, other]);
  const states = [/it has 4 records, and 5 were seen/, /history is not the one/, /history is not/];
  for (const [index, state] of states.entries()) {
    await line.succeeds(['mkdir', `gdp://vision/theirs-${index}`], { home: other });
    await isRefused(['ls', 'gdp://vision'], state);
  }
  // Who never saw the other history has nothing to complain of.
  assert.match(await line.succeeds(['ls', 'gdp://vision'], { home: other }), /theirs-2/);
});

test('a command remembers what it has changed itself, and only ever advances', async () => {
  const before = await remembered();
  await line.succeeds(['mkdir', 'gdp://vision/a', 'gdp://vision/b']);
  assert.equal(await remembered(), before + 2);
  await line.succeeds(['ls', 'gdp://vision']);
  assert.equal(await remembered(), before + 2);
  assert.deepEqual(await notes(), [`${before + 2}.note`]);
});

test('parallel commands lose none of what they have seen', async () => {
  const names = Array.from({ length: 6 }, (_, index) => `gdp://vision/p${index}`);
  await Promise.all(names.map((name) => line.succeeds(['mkdir', name])));
  await line.succeeds(['ls', 'gdp://vision']);
  assert.deepEqual(await notes(), [`${3 + names.length}.note`]);
});

test('a folder that cannot be written keeps what it came with, and holds the server to that', async (context) => {
  // Not in `folder`, which goes before the test's mounts do.
  const { path: mounted, ...made } = await temporaryDirectory();
  await cp(line.home, mounted, { recursive: true });
  const isMounted = mountReadOnly(context, mounted);
  context.after(() => made[Symbol.asyncDispose]());
  if (!isMounted) return;
  const before = await remembered(mounted);
  await line.succeeds(['mkdir', 'gdp://vision/second']);
  assert.equal(await line.succeeds(['ls', 'gdp://vision'], { home: mounted }), 'first/\nsecond/\n');
  await line.succeeds(['mkdir', 'gdp://vision/third'], { home: mounted });
  assert.equal(await remembered(mounted), before);
});

test('a server that showed two parallel commands two histories is caught by the next command', async () => {
  await backUp('fork');
  const other = line.path('other');
  await cp(line.home, other, { recursive: true });
  await line.succeeds(['mkdir', 'gdp://vision/ours']);
  await line.startServer('fork', [line.home, other]);
  await line.succeeds(['mkdir', 'gdp://vision/theirs', 'gdp://vision/theirs/too'], { home: other });
  // Two processes with one home, each of which has seen one of the histories.
  const [volume = ''] = await readdir(join(line.home, 'checkpoints'));
  await cp(join(other, 'checkpoints', volume), join(line.home, 'checkpoints', volume), {
    recursive: true,
  });
  assert.deepEqual((await notes()).sort(), ['4.note', '5.note']);
  await isRefused(['ls', 'gdp://vision'], /history is not the one that was seen before/);
});

test('an alias that the server gives to another volume is refused, until trust is reset', async () => {
  await line.succeeds(['volume', 'create', 'other']);
  const listed = (await line.succeeds(['volume', 'ls', '--json'])).trimEnd().split('\n');
  const volumes = listed.map((line) => JSON.parse(line) as { alias: string; name: string });
  const other = volumes.find(({ alias }) => alias === 'other')?.name ?? '';
  await line.stopServer();
  const store = await openFileSystem({
    directory: line.path('data', 'store'),
    keysDirectory: line.path('data', 'keys'),
    clock: systemClock,
    warn: (message) => assert.fail(message),
  });
  const name = base64urlDecode(other);
  assert(name !== undefined);
  const value = { name, alias: 'vision', owner: 'admin' };
  const records = [{ body: { case: 'volume' as const, value } }];
  await store.system.change(() => ({ records, result: undefined }));
  await store[Symbol.asyncDispose]();
  await line.startServer();
  await isRefused(['ls', 'gdp://vision'], /the server has another volume there now/);
  await line.succeeds(['volume', 'trust', '--reset', 'gdp://vision']);
  assert.equal(await line.succeeds(['ls', 'gdp://vision']), '');
});

test('a volume that is named by its self-certifying name is held to the same checkpoints', async () => {
  await backUp('old');
  const [name = ''] = await readdir(join(line.home, 'checkpoints'));
  await line.succeeds(['mkdir', `gdp://${name}/second`]);
  assert.equal(await remembered(), 4);
  await line.startServer('old');
  const { code, stderr } = await line.run(['ls', `gdp://${name}`]);
  assert.equal(code, 76);
  assert.match(stderr, /it has 3 records, and 4 were seen before/);
});

test('a remembered checkpoint that is damaged, or of which a bit was flipped, is never taken for none', async () => {
  const [volume = ''] = await readdir(join(line.home, 'checkpoints'));
  const path = join(line.home, 'checkpoints', volume, '3.note');
  const note = await readFile(path);
  await writeFile(path, note.subarray(0, 20));
  const cut = await line.run(['ls', 'gdp://vision']);
  assert.equal(cut.code, 74);
  assert.match(cut.stderr, /it is damaged\n.*gdpfs volume trust --reset/);
  const [origin = '', count = '', root = '', ...rest] = note.toString().split('\n');
  const flipped = Buffer.from(root, 'base64');
  flipped.writeUInt8(flipped.readUInt8(0) ^ 1);
  await writeFile(path, [origin, count, flipped.toString('base64'), ...rest].join('\n'));
  await isRefused(['ls', 'gdp://vision'], /history is not the one that was seen before/);
});

test('a folder that holds unfinished files of killed commands is read as if they were not there', async () => {
  const [volume = ''] = await readdir(join(line.home, 'checkpoints'));
  const path = join(line.home, 'checkpoints', volume, '9.note.1-1.tmp');
  await writeFile(path, '');
  await line.succeeds(['ls', 'gdp://vision']);
  assert.equal(await remembered(), 3);
});

test('what was seen through one profile holds for all: the name says whose the volume is', async () => {
  await backUp('old');
  await line.succeeds(['mkdir', 'gdp://vision/second']);
  await line.startServer('old');
  const config = JSON.parse(await readFile(join(line.home, 'config.json'), 'utf8'));
  config.profiles.second = { ...config.profiles.default, volumes: {} };
  await writeFile(join(line.home, 'config.json'), JSON.stringify(config));
  const { code, stderr } = await line.run(['--profile', 'second', 'ls', 'gdp://vision']);
  assert.equal(code, 76);
  assert.match(stderr, /it has 3 records, and 4 were seen before/);
  // Nor does it learn an alias from such a server.
  assert.deepEqual((await openHome(line.home).profile('second')).volumes, {});
});
