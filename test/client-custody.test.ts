import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCli } from './support/cli.ts';
import { type ServerProcess, startServerProcess, temporaryDirectory } from './support/server.ts';

/** Volumes whose keys only their writers have, with the real command line and the real server. */

let stack: AsyncDisposableStack;
let folder: string;
let home: string;
let server: ServerProcess;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  home = join(folder, 'home');
  stack.defer(() => server[Symbol.asyncDispose]());
  server = await startServerProcess(join(folder, 'data'));
  await succeeds(['login', server.url, '-'], `${server.adminToken}\n`);
  await succeeds(['volume', 'create', 'own', '--custody', 'client']);
});
after(() => stack.disposeAsync());

async function run(args: readonly string[], input = '', as = home) {
  return await runCli(args, { home: as, cwd: folder, input });
}

async function succeeds(args: readonly string[], input = '', as = home): Promise<string> {
  const { code, stdout, stderr } = await run(args, input, as);
  assert.equal(code, 0, `gdpfs ${args.join(' ')}\n${stderr}`);
  return stdout;
}

test('its keys are in the folder of the client, for its owner only, and nowhere on the server', async () => {
  const keys = join(home, 'keys');
  assert.equal((await stat(keys)).mode & 0o777, 0o700);
  const names = (await readdir(keys)).sort();
  assert.equal(names.length, 2);
  for (const name of names) {
    assert.match(name, /^[A-Za-z0-9_-]{43}\.(owner|writer)\.[A-Za-z0-9_-]{11}\.key$/);
    assert.equal((await stat(join(keys, name))).mode & 0o777, 0o600);
  }
  const [volume = ''] = names[0]?.split('.') ?? [];
  const there = await readdir(join(folder, 'data', 'keys', 'volumes'));
  assert.deepEqual(
    there.filter((name) => name.startsWith(volume)),
    [],
  );
});

test('every changing command works on it, and the whole of it verifies', async () => {
  const tree = join(folder, 'tree');
  await mkdir(join(tree, 'deep', 'er'), { recursive: true });
  for (let index = 0; index < 30; index += 1) {
    await writeFile(join(tree, 'deep', `f${index}`), `content ${index}`);
  }
  await writeFile(join(tree, 'deep', 'er', 'empty'), '');
  await writeFile(join(tree, 'large'), Buffer.alloc(1_500_000, 7));
  await succeeds(['mkdir', '-p', 'gdp://own/a/b']);
  await succeeds(['cp', join(tree, 'large'), 'gdp://own/a/large']);
  await succeeds(['cp', join(tree, 'deep', 'f1'), 'gdp://own/a/small']);
  await succeeds(['cp', '-r', tree, 'gdp://own/tree']);
  await succeeds(['mv', 'gdp://own/a/small', 'gdp://own/a/moved']);
  await succeeds(['mv', 'gdp://own/a', 'gdp://own/z']);
  await succeeds(['cp', '-r', 'gdp://own/tree', 'gdp://own/copy']);
  await succeeds(['cp', 'gdp://own/z/moved', 'gdp://own/z/again']);
  const then = (await recordsOf('gdp://own')) - 1;
  await writeFile(join(tree, 'deep', 'f1'), 'another content');
  await writeFile(join(tree, 'deep', 'new'), 'new');
  await rm(join(tree, 'deep', 'f2'));
  await succeeds(['sync', '--delete', tree, 'gdp://own/tree']);
  await succeeds(['rm', '-r', 'gdp://own/copy/deep']);
  await succeeds(['rm', 'gdp://own/z/again']);
  assert.equal(await succeeds(['cat', 'gdp://own/tree/deep/f1']), 'another content');
  await succeeds(['cp', '-r', '--at', String(then), 'gdp://own/tree', 'gdp://own/past']);
  assert.equal(await succeeds(['cat', 'gdp://own/past/deep/f1']), 'content 1');
  assert.equal(await succeeds(['cat', 'gdp://own/past/deep/f2']), 'content 2');
  const { code } = await run(['stat', 'gdp://own/tree/deep/f2']);
  assert.equal(code, 66);
  await succeeds(['verify', '--depth=chunks', 'gdp://own']);
  assert.match(await succeeds(['stat', '--prove', 'gdp://own/tree/deep/new']), /kind: +file/);
});

/** The same login on another machine. */
async function otherMachine(name: string): Promise<string> {
  const other = join(folder, name);
  await cp(home, other, { recursive: true });
  await rm(join(other, 'keys'), { recursive: true });
  return other;
}

async function recordsOf(volume: string): Promise<number> {
  const note = await succeeds(['volume', 'checkpoint', volume]);
  return Number(note.split('\n')[1]);
}

test('without the key every change is refused before anything is sent, and reading works', async () => {
  const other = await otherMachine('reader');
  const before = await recordsOf('gdp://own');
  const local = join(folder, 'tree');
  for (const args of [
    ['rm', '-r', 'gdp://own/tree'],
    ['mv', 'gdp://own/tree', 'gdp://own/moved'],
    ['cp', join(local, 'large'), 'gdp://own/x'],
    ['cp', '-r', local, 'gdp://own/x'],
    ['sync', '--delete', join(local, 'deep'), 'gdp://own/tree'],
    ['volume', 'key', 'rotate', 'gdp://own'],
  ]) {
    const { code, stderr } = await run(args, '', other);
    assert.equal(code, 77, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, /(writer|owner's) key is not on this machine/);
  }
  assert.equal(await recordsOf('gdp://own'), before);
  assert.equal(await succeeds(['cat', 'gdp://own/tree/deep/new'], '', other), 'new');
  assert.match(await succeeds(['stat', '--prove', 'gdp://own/tree'], '', other), /directory/);
});

test('the writer key goes to another machine through a file that only its owner can read', async () => {
  const other = await otherMachine('second');
  const file = join(folder, 'own.key');
  await succeeds(['volume', 'key', 'export', 'gdp://own', file]);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const again = await run(['volume', 'key', 'export', 'gdp://own', file]);
  assert.match(again.stderr, /it exists/);
  await succeeds(['volume', 'key', 'import', 'gdp://own', file], '', other);
  await succeeds(['mkdir', 'gdp://own/from-there'], '', other);
  await succeeds(['mkdir', 'gdp://own/from-here']);
  const none = await run(
    ['volume', 'key', 'export', 'gdp://own', join(folder, 'x')],
    '',
    join(folder, 'reader'),
  );
  assert.equal(none.code, 66);
  await succeeds(['volume', 'create', 'served']);
  const served = await run(['volume', 'key', 'import', 'gdp://served', file]);
  assert.equal(served.code, 64);
  await succeeds(['volume', 'create', 'own2', '--custody', 'client', '--chunking', 'cdc']);
  const wrong = await run(['volume', 'key', 'import', 'gdp://own2', file]);
  assert.match(wrong.stderr, /it is the key of something else/);
  await succeeds(['cp', '-r', join(folder, 'tree'), 'gdp://own2/tree']);
  await succeeds(['verify', '--depth=chunks', 'gdp://own2']);
});

test('a new writer key signs from then on, the old one is refused, and all of the history verifies', async () => {
  const second = join(folder, 'second');
  assert.equal(await succeeds(['volume', 'key', 'rotate', 'gdp://own']), 'gdp://own: epoch 2\n');
  await succeeds(['mkdir', 'gdp://own/with-new-key']);
  const { code, stderr } = await run(['mkdir', 'gdp://own/with-old-key'], '', second);
  assert.equal(code, 77);
  assert.match(stderr, /its writer key is not on this machine/);
  const file = join(folder, 'new.key');
  await succeeds(['volume', 'key', 'export', 'gdp://own', file]);
  await succeeds(['volume', 'key', 'import', 'gdp://own', file], '', second);
  await succeeds(['mkdir', 'gdp://own/with-it'], '', second);
  await succeeds(['verify', '--depth=records', 'gdp://own']);
  assert.match(await succeeds(['stat', '--prove', 'gdp://own/with-it']), /directory/);
  const lines = (await succeeds(['log', '--json', '--limit', '4', 'gdp://own']))
    .trimEnd()
    .split('\n');
  const epochs = lines.map((line) => (JSON.parse(line) as { epoch: number }).epoch);
  assert.deepEqual(epochs, [2, 2, 2, 1]);
});

test('who may see a part of it gets no proof, since nobody there could sign one', async () => {
  const part = join(folder, 'part');
  const { token } = JSON.parse(await succeeds(['admin', 'invite', 'part', '--json'])) as {
    token: string;
  };
  await succeeds(['login', server.url, token], '', part);
  await succeeds(['mkdir', '-p', 'gdp://own/for/part']);
  await succeeds(['admin', 'grant', 'read', 'part', 'gdp://own/for']);
  assert.match(await succeeds(['stat', 'gdp://own/for/part'], '', part), /directory/);
  const { code, stderr } = await run(['stat', '--prove', 'gdp://own/for/part'], '', part);
  assert.equal(code, 77);
  assert.match(stderr, /its key is not on the server, need "read" on all of it/);
});

test('no key is in what the server keeps or logs', async () => {
  const keys = join(home, 'keys');
  const secrets = await Promise.all(
    (await readdir(keys)).map(async (name) => {
      const pem = await readFile(join(keys, name), 'utf8');
      return Buffer.from(pem.split('\n')[1] ?? '', 'base64').subarray(16);
    }),
  );
  assert(secrets.length >= 5);
  const data = join(folder, 'data');
  for (const name of await readdir(data, { recursive: true })) {
    const path = join(data, name);
    if (!(await stat(path)).isFile()) continue;
    const bytes = await readFile(path);
    for (const secret of secrets) {
      assert.equal(secret.length, 32);
      assert(!bytes.includes(secret), name);
    }
  }
});
