import assert from 'node:assert/strict';
import { mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
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
  await writeFile(join(tree, 'deep', 'f1'), 'another content');
  await writeFile(join(tree, 'deep', 'new'), 'new');
  await rm(join(tree, 'deep', 'f2'));
  await succeeds(['sync', '--delete', tree, 'gdp://own/tree']);
  await succeeds(['rm', '-r', 'gdp://own/copy/deep']);
  await succeeds(['rm', 'gdp://own/z/again']);
  assert.equal(await succeeds(['cat', 'gdp://own/tree/deep/f1']), 'another content');
  const { code } = await run(['stat', 'gdp://own/tree/deep/f2']);
  assert.equal(code, 66);
  await succeeds(['verify', '--depth=chunks', 'gdp://own']);
  assert.match(await succeeds(['stat', '--prove', 'gdp://own/tree/deep/new']), /kind: +file/);
});
