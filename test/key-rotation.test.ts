import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCli } from './support/cli.ts';
import { type ServerProcess, startServerProcess, temporaryDirectory } from './support/server.ts';

/** Writer keys that follow each other, with the real command line and the real server. */

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
  await succeeds(['volume', 'create', 'vision']);
  await succeeds(['mkdir', 'gdp://vision/before']);
});
after(() => stack.disposeAsync());

async function run(args: readonly string[], input = '') {
  return await runCli(args, { home, cwd: folder, input });
}

async function succeeds(args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await run(args, input);
  assert.equal(code, 0, `gdpfs ${args.join(' ')}\n${stderr}`);
  return stdout;
}

/** The server goes on with the data in another folder. */
async function restart(data: string): Promise<void> {
  await server[Symbol.asyncDispose]();
  server = await startServerProcess(join(folder, data));
  const file = join(home, 'config.json');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/https:\/\/127\.0\.0\.1:\d+/, server.url));
}

async function epochOf(): Promise<string> {
  const note = await succeeds(['volume', 'checkpoint', 'gdp://vision']);
  return /^epoch (\d+)$/m.exec(note)?.[1] ?? '';
}

test('a new key signs from the commit on that names it, and the volume stays verifiable throughout', async () => {
  assert.equal(await epochOf(), '1');
  assert.equal(
    await succeeds(['volume', 'key', 'rotate', 'gdp://vision']),
    'gdp://vision: epoch 2\n',
  );
  assert.equal(await epochOf(), '2');
  await succeeds(['mkdir', 'gdp://vision/after']);
  assert.equal(
    await succeeds(['volume', 'key', 'rotate', 'gdp://vision']),
    'gdp://vision: epoch 3\n',
  );
  await succeeds(['mkdir', 'gdp://vision/last']);
  await succeeds(['verify', 'gdp://vision']);
  assert.match(await succeeds(['stat', '--prove', 'gdp://vision/after']), /kind: +directory/);
  const lines = (await succeeds(['log', '--json', 'gdp://vision'])).trimEnd().split('\n');
  const epochs = lines.map((line) => (JSON.parse(line) as { epoch: number }).epoch);
  assert.deepEqual(epochs, [3, 3, 2, 2, 1, 1, 1]);
});

test('the keys survive a restart, and a rebuilt index finds the same', async () => {
  await restart('data');
  await succeeds(['mkdir', 'gdp://vision/restarted']);
  await server[Symbol.asyncDispose]();
  await succeeds(['index', 'rebuild', '--data', join(folder, 'data')]);
  await succeeds(['fsck', '--data', join(folder, 'data')]);
  await restart('data');
  await succeeds(['mkdir', 'gdp://vision/rebuilt']);
  await succeeds(['verify', 'gdp://vision']);
});

test('many rotations at once give one key after the other, and each that says so has happened', async () => {
  const before = Number(await epochOf());
  const results = await Promise.all(
    Array.from({ length: 4 }, () => run(['volume', 'key', 'rotate', 'gdp://vision'])),
  );
  const done = results.filter(({ code }) => code === 0).length;
  assert(done >= 1);
  for (const { code, stderr } of results) {
    if (code !== 0) assert.match(stderr, /their epoch is \d+ by now/);
  }
  assert.equal(Number(await epochOf()), before + done);
  await succeeds(['mkdir', 'gdp://vision/many']);
  await succeeds(['verify', 'gdp://vision']);
});

test('whoever has an old key, and goes on with it, is refused by who has seen the new one', async () => {
  await server[Symbol.asyncDispose]();
  await cp(join(folder, 'data'), join(folder, 'old'), { recursive: true });
  await restart('data');
  await succeeds(['volume', 'key', 'rotate', 'gdp://vision']);
  const other = join(folder, 'other');
  await cp(home, other, { recursive: true });
  await rm(join(other, 'checkpoints'), { recursive: true });
  await restart('old');
  const file = join(other, 'config.json');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/https:\/\/127\.0\.0\.1:\d+/, server.url));
  const paths = ['x', 'y', 'z'].map((name) => `gdp://vision/${name}`);
  const { code } = await runCli(['mkdir', ...paths], { home: other });
  assert.equal(code, 0);
  const { code: refused, stderr } = await run(['ls', 'gdp://vision']);
  assert.equal(refused, 76);
  assert.match(stderr, /history is not the one that was seen before/);
});

test('a volume whose newest key is lost is read-only, and says so', async () => {
  await restart('data');
  await server[Symbol.asyncDispose]();
  const keys = join(folder, 'data', 'keys', 'volumes');
  for (const name of await readdir(keys)) {
    if (/\.writer\..+\.key$/.test(name)) await rm(join(keys, name));
  }
  await restart('data');
  const { code, stderr } = await run(['mkdir', 'gdp://vision/lost']);
  assert.equal(code, 77);
  assert.match(stderr, /its writer key is missing/);
  assert.match(await succeeds(['ls', 'gdp://vision']), /after\//);
});
