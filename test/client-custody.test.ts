import assert from 'node:assert/strict';
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CommandLine, startCommandLine } from './support/command-line.ts';

/** Volumes whose keys only their writers have, with the real command line and the real server. */

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
  await line.succeeds(['volume', 'create', 'own', '--custody', 'client']);
});
after(() => line[Symbol.asyncDispose]());

test('its keys are in the folder of the client, for its owner only, and nowhere on the server', async () => {
  const keys = join(line.home, 'keys');
  assert.equal((await stat(keys)).mode & 0o777, 0o700);
  const names = (await readdir(keys)).sort();
  assert.equal(names.length, 2);
  for (const name of names) {
    assert.match(name, /^[A-Za-z0-9_-]{43}\.(owner|writer)\.[A-Za-z0-9_-]{11}\.key$/);
    assert.equal((await stat(join(keys, name))).mode & 0o777, 0o600);
  }
  const [volume = ''] = names[0]?.split('.') ?? [];
  const there = await readdir(line.path('data', 'keys', 'volumes'));
  assert.deepEqual(
    there.filter((name) => name.startsWith(volume)),
    [],
  );
});

test('every changing command works on it, and the whole of it verifies', async () => {
  const tree = line.path('tree');
  await mkdir(join(tree, 'deep', 'er'), { recursive: true });
  for (let index = 0; index < 30; index += 1) {
    await writeFile(join(tree, 'deep', `f${index}`), `content ${index}`);
  }
  await writeFile(join(tree, 'deep', 'er', 'empty'), '');
  await writeFile(join(tree, 'large'), Buffer.alloc(1_500_000, 7));
  await line.succeeds(['mkdir', '-p', 'gdp://own/a/b']);
  await line.succeeds(['cp', join(tree, 'large'), 'gdp://own/a/large']);
  await line.succeeds(['cp', join(tree, 'deep', 'f1'), 'gdp://own/a/small']);
  await line.succeeds(['cp', '-r', tree, 'gdp://own/tree']);
  await line.succeeds(['mv', 'gdp://own/a/small', 'gdp://own/a/moved']);
  await line.succeeds(['mv', 'gdp://own/a', 'gdp://own/z']);
  await line.succeeds(['cp', '-r', 'gdp://own/tree', 'gdp://own/copy']);
  await line.succeeds(['cp', 'gdp://own/z/moved', 'gdp://own/z/again']);
  const then = (await recordsOf('gdp://own')) - 1;
  await writeFile(join(tree, 'deep', 'f1'), 'another content');
  await writeFile(join(tree, 'deep', 'new'), 'new');
  await rm(join(tree, 'deep', 'f2'));
  await line.succeeds(['sync', '--delete', tree, 'gdp://own/tree']);
  await line.succeeds(['rm', '-r', 'gdp://own/copy/deep']);
  await line.succeeds(['rm', 'gdp://own/z/again']);
  assert.equal(await line.succeeds(['cat', 'gdp://own/tree/deep/f1']), 'another content');
  await line.succeeds(['cp', '-r', '--at', String(then), 'gdp://own/tree', 'gdp://own/past']);
  assert.equal(await line.succeeds(['cat', 'gdp://own/past/deep/f1']), 'content 1');
  assert.equal(await line.succeeds(['cat', 'gdp://own/past/deep/f2']), 'content 2');
  const { code } = await line.run(['stat', 'gdp://own/tree/deep/f2']);
  assert.equal(code, 66);
  await line.succeeds(['verify', '--depth=chunks', 'gdp://own']);
  assert.match(await line.succeeds(['stat', '--prove', 'gdp://own/tree/deep/new']), /kind: +file/);
});

/** The same login on another machine. */
async function otherMachine(name: string): Promise<string> {
  const other = line.path(name);
  await cp(line.home, other, { recursive: true });
  await rm(join(other, 'keys'), { recursive: true });
  return other;
}

async function recordsOf(volume: string): Promise<number> {
  const note = await line.succeeds(['volume', 'checkpoint', volume]);
  return Number(note.split('\n')[1]);
}

test('without the key every change is refused before anything is sent, and reading works', async () => {
  const other = await otherMachine('reader');
  const before = await recordsOf('gdp://own');
  const local = line.path('tree');
  for (const args of [
    ['rm', '-r', 'gdp://own/tree'],
    ['mv', 'gdp://own/tree', 'gdp://own/moved'],
    ['cp', join(local, 'large'), 'gdp://own/x'],
    ['cp', '-r', local, 'gdp://own/x'],
    ['sync', '--delete', join(local, 'deep'), 'gdp://own/tree'],
    ['volume', 'key', 'rotate', 'gdp://own'],
  ]) {
    const { code, stderr } = await line.run(args, { home: other });
    assert.equal(code, 77, `${args.join(' ')}: ${stderr}`);
    assert.match(stderr, /(writer|owner's) key is not on this machine/);
  }
  assert.equal(await recordsOf('gdp://own'), before);
  assert.equal(await line.succeeds(['cat', 'gdp://own/tree/deep/new'], { home: other }), 'new');
  assert.match(
    await line.succeeds(['stat', '--prove', 'gdp://own/tree'], { home: other }),
    /directory/,
  );
});

test('the writer key goes to another machine through a file that only its owner can read', async () => {
  const other = await otherMachine('second');
  const file = line.path('own.key');
  const exported = JSON.parse(
    await line.succeeds(['volume', 'key', 'export', '--json', 'gdp://own', file]),
  );
  assert.deepEqual([exported.role, exported.file], ['writer', file]);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const again = await line.run(['volume', 'key', 'export', 'gdp://own', file]);
  assert.match(again.stderr, /it exists/);
  const imported = await line.succeeds(['volume', 'key', 'import', '--json', 'gdp://own', file], {
    home: other,
  });
  assert.deepEqual(JSON.parse(imported), exported);
  await line.succeeds(['mkdir', 'gdp://own/from-there'], { home: other });
  await line.succeeds(['mkdir', 'gdp://own/from-here']);
  const none = await line.run(['volume', 'key', 'export', 'gdp://own', line.path('x')], {
    home: line.path('reader'),
  });
  assert.equal(none.code, 66);
  await line.succeeds(['volume', 'create', 'served']);
  const served = await line.run(['volume', 'key', 'import', 'gdp://served', file]);
  assert.equal(served.code, 64);
  await line.succeeds(['volume', 'create', 'own2', '--custody', 'client', '--chunking', 'cdc']);
  const wrong = await line.run(['volume', 'key', 'import', 'gdp://own2', file]);
  assert.match(wrong.stderr, /it is the key of something else/);
  await line.succeeds(['cp', '-r', line.path('tree'), 'gdp://own2/tree']);
  await line.succeeds(['verify', '--depth=chunks', 'gdp://own2']);
});

test('a new writer key signs from then on, the old one is refused, and all of the history verifies', async () => {
  const second = line.path('second');
  assert.equal(
    await line.succeeds(['volume', 'key', 'rotate', 'gdp://own']),
    'gdp://own: epoch 2\n',
  );
  await line.succeeds(['mkdir', 'gdp://own/with-new-key']);
  const { code, stderr } = await line.run(['mkdir', 'gdp://own/with-old-key'], { home: second });
  assert.equal(code, 77);
  assert.match(stderr, /its writer key is not on this machine/);
  const file = line.path('new.key');
  await line.succeeds(['volume', 'key', 'export', 'gdp://own', file]);
  await line.succeeds(['volume', 'key', 'import', 'gdp://own', file], { home: second });
  await line.succeeds(['mkdir', 'gdp://own/with-it'], { home: second });
  await line.succeeds(['verify', '--depth=records', 'gdp://own']);
  assert.match(await line.succeeds(['stat', '--prove', 'gdp://own/with-it']), /directory/);
  const lines = (await line.succeeds(['log', '--json', '--limit', '4', 'gdp://own']))
    .trimEnd()
    .split('\n');
  const epochs = lines.map((line) => (JSON.parse(line) as { epoch: number }).epoch);
  assert.deepEqual(epochs, [2, 2, 2, 1]);
});

test('who may see a part of it gets no proof, since nobody there could sign one', async () => {
  const part = line.path('part');
  const { token } = JSON.parse(await line.succeeds(['admin', 'invite', 'part', '--json'])) as {
    token: string;
  };
  await line.succeeds(['login', line.server.url, token], { home: part });
  await line.succeeds(['mkdir', '-p', 'gdp://own/for/part']);
  await line.succeeds(['admin', 'grant', 'read', 'part', 'gdp://own/for']);
  assert.match(await line.succeeds(['stat', 'gdp://own/for/part'], { home: part }), /directory/);
  const { code, stderr } = await line.run(['stat', '--prove', 'gdp://own/for/part'], {
    home: part,
  });
  assert.equal(code, 77);
  assert.match(stderr, /its key is not on the server, need "read" on all of it/);
});

test('no key is in what the server keeps or logs', async () => {
  const keys = join(line.home, 'keys');
  const secrets = await Promise.all(
    (await readdir(keys)).map(async (name) => {
      const pem = await readFile(join(keys, name), 'utf8');
      return Buffer.from(pem.split('\n')[1] ?? '', 'base64').subarray(16);
    }),
  );
  assert(secrets.length >= 5);
  const data = line.path('data');
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
