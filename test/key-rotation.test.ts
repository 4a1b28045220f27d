import assert from 'node:assert/strict';
import { cp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CommandLine, startCommandLine } from './support/command-line.ts';

/** Writer keys that follow each other, with the real command line and the real server. */

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
  await line.succeeds(['volume', 'create', 'vision']);
  await line.succeeds(['mkdir', 'gdp://vision/before']);
});
after(() => line[Symbol.asyncDispose]());

async function epochOf(): Promise<string> {
  const note = await line.succeeds(['volume', 'checkpoint', 'gdp://vision']);
  return /^epoch (\d+)$/m.exec(note)?.[1] ?? '';
}

test('a new key signs from the commit on that names it, and the volume stays verifiable throughout', async () => {
  assert.equal(await epochOf(), '1');
  assert.equal(
    await line.succeeds(['volume', 'key', 'rotate', 'gdp://vision']),
    'gdp://vision: epoch 2\n',
  );
  assert.equal(await epochOf(), '2');
  await line.succeeds(['mkdir', 'gdp://vision/after']);
  assert.equal(
    await line.succeeds(['volume', 'key', 'rotate', 'gdp://vision']),
    'gdp://vision: epoch 3\n',
  );
  await line.succeeds(['mkdir', 'gdp://vision/last']);
  await line.succeeds(['verify', 'gdp://vision']);
  assert.match(await line.succeeds(['stat', '--prove', 'gdp://vision/after']), /kind: +directory/);
  const lines = (await line.succeeds(['log', '--json', 'gdp://vision'])).trimEnd().split('\n');
  const epochs = lines.map((line) => (JSON.parse(line) as { epoch: number }).epoch);
  assert.deepEqual(epochs, [3, 3, 2, 2, 1, 1, 1]);
});

test('the keys survive a restart, and a rebuilt index finds the same', async () => {
  await line.startServer();
  await line.succeeds(['mkdir', 'gdp://vision/restarted']);
  await line.stopServer();
  await line.succeeds(['index', 'rebuild', '--data', line.path('data')]);
  await line.succeeds(['fsck', '--data', line.path('data')]);
  await line.startServer();
  await line.succeeds(['mkdir', 'gdp://vision/rebuilt']);
  await line.succeeds(['verify', 'gdp://vision']);
});

test('many rotations at once give one key after the other, and each that says so has happened', async () => {
  const before = Number(await epochOf());
  const results = await Promise.all(
    Array.from({ length: 4 }, () => line.run(['volume', 'key', 'rotate', 'gdp://vision'])),
  );
  const done = results.filter(({ code }) => code === 0).length;
  assert(done >= 1);
  for (const { code, stderr } of results) {
    if (code !== 0) assert.match(stderr, /their epoch is \d+ by now/);
  }
  assert.equal(Number(await epochOf()), before + done);
  await line.succeeds(['mkdir', 'gdp://vision/many']);
  await line.succeeds(['verify', 'gdp://vision']);
});

test('whoever has an old key, and goes on with it, is refused by who has seen the new one', async () => {
  await line.stopServer();
  await cp(line.path('data'), line.path('old'), { recursive: true });
  await line.startServer();
  await line.succeeds(['volume', 'key', 'rotate', 'gdp://vision']);
  const other = line.path('other');
  await cp(line.home, other, { recursive: true });
  await rm(join(other, 'checkpoints'), { recursive: true });
  await line.startServer('old');
  const file = join(other, 'config.json');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/https:\/\/127\.0\.0\.1:\d+/, line.server.url));
  const paths = ['x', 'y', 'z'].map((name) => `gdp://vision/${name}`);
  const { code } = await line.run(['mkdir', ...paths], { home: other });
  assert.equal(code, 0);
  const { code: refused, stderr } = await line.run(['ls', 'gdp://vision']);
  assert.equal(refused, 76);
  assert.match(stderr, /history is not the one that was seen before/);
});

test('a volume whose newest key is lost is read-only, and says so', async () => {
  await line.startServer();
  await line.stopServer();
  const keys = line.path('data', 'keys', 'volumes');
  for (const name of await readdir(keys)) {
    if (/\.writer\..+\.key$/.test(name)) await rm(join(keys, name));
  }
  await line.startServer();
  const { code, stderr } = await line.run(['mkdir', 'gdp://vision/lost']);
  assert.equal(code, 77);
  assert.match(stderr, /its writer key is missing/);
  assert.match(await line.succeeds(['ls', 'gdp://vision']), /after\//);
});
