/** Space that is freed while a server is used, killed in the middle of it, or stopped. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openHome } from '../src/client/home.ts';
import { freeSpace, spaceStatus } from '../src/client/administration.ts';
import { Servers } from '../src/client/servers.ts';
import type { GcRun } from '../src/wire/generated/api.ts';
import { type CommandLine, startCommandLine } from './support/command-line.ts';

const KIB = 1024;
const FILE_BYTES = 1024 * KIB;
const KILLS = 2;

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
  for (const volume of ['own', 'gone', 'busy']) {
    await line.succeeds(['volume', 'create', volume]);
    await line.succeeds(['volume', 'history', `gdp://${volume}`, '0']);
  }
});
after(() => line[Symbol.asyncDispose]());

/** Content that nobody else has, in a file of that name. */
async function newFile(name: string, length = FILE_BYTES): Promise<Buffer> {
  const bytes = randomBytes(length);
  await writeFile(line.path(name), bytes);
  return bytes;
}

async function upload(name: string, remote: string): Promise<Buffer> {
  const bytes = await newFile(name);
  await line.succeeds(['cp', name, remote]);
  return bytes;
}

async function download(remote: string): Promise<Buffer> {
  await line.succeeds(['cp', remote, 'copy']);
  return await readFile(line.path('copy'));
}

async function diskBytes(): Promise<number> {
  const folder = line.path('data', 'store', 'segments');
  const names = await readdir(folder);
  const sizes = await Promise.all(
    names.map(async (name) => (await stat(join(folder, name))).blocks * 512),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}

async function gc(...more: string[]): Promise<GcRun> {
  const { run } = await line.json(['admin', 'gc', '--json', ...more]);
  return run as GcRun;
}

test('what was replaced or removed is freed, and is refused as trimmed from then on', async () => {
  await upload('f', 'gdp://own/f');
  await upload('g', 'gdp://own/g');
  const log = await line.succeeds(['log', '--json', 'gdp://own/g']);
  const { seq } = JSON.parse(log.split('\n')[0] ?? '') as { seq: number };
  await line.succeeds(['rm', 'gdp://own/g']);
  const now = await upload('f', 'gdp://own/f');
  const before = await diskBytes();
  const planned = await gc('--dry-run');
  assert.deepEqual(await diskBytes(), before);
  const run = await gc();
  assert.deepEqual([run.chunks, run.files], [planned.chunks, planned.files]);
  assert.ok((await diskBytes()) < before - FILE_BYTES, `${before} ${JSON.stringify(run)}`);
  const refusal = await line.fails(['cat', '--at', String(seq), 'gdp://own/g'], 66);
  assert.match(refusal, /older than what the volume keeps/);
  assert.deepEqual(await download('gdp://own/f'), now);
  await line.succeeds(['verify', 'gdp://own']);
});

test('copies up and down go on while space is freed', async () => {
  const kept = await upload('kept', 'gdp://busy/kept');
  const rounds = async (act: (round: number) => Promise<unknown>): Promise<void> => {
    for (let round = 0; round < 3; round += 1) await act(round);
  };
  await newFile('up');
  await Promise.all([
    rounds(async () => await gc()),
    rounds(async (round) => {
      // The same content again and again: it may be freed when it is asked for.
      await line.succeeds(['cp', 'up', `gdp://busy/up${round % 2}`]);
      await line.succeeds(['rm', `gdp://busy/up${round % 2}`]);
    }),
    rounds(async () => assert.deepEqual(await download('gdp://busy/kept'), kept)),
  ]);
  await line.succeeds(['cp', 'up', 'gdp://busy/up']);
  assert.deepEqual(await download('gdp://busy/up'), await readFile(line.path('up')));
  await line.succeeds(['verify', 'gdp://busy']);
});

test('a server that is killed while it frees space keeps what is kept, and the next one frees the rest', async () => {
  for (let kill = 0; kill < KILLS; kill += 1) {
    await upload('f', 'gdp://own/f');
    const now = await upload('f', 'gdp://own/f');
    // Where the server is changes with each start.
    await using servers = new Servers(openHome(line.home), undefined);
    const session = await servers.session();
    let { run } = await freeSpace(session, {});
    // Once at once, then when it has come to the segments.
    while (kill > 0 && run?.phase === 'mark') ({ run } = await spaceStatus(session));
    await line.server.kill();
    await line.startServer();
    assert.deepEqual(await download('gdp://own/f'), now);
  }
  assert.equal((await gc()).phase, 'done');
  await line.succeeds(['verify', 'gdp://own']);
});

test('a volume whose owner signs elsewhere, and one that is removed, are freed in a stopped store, too', async () => {
  await line.succeeds(['volume', 'create', 'mine', '--custody', 'client']);
  await line.succeeds(['volume', 'history', 'gdp://mine', '0']);
  await upload('m', 'gdp://mine/m');
  const now = await upload('m', 'gdp://mine/m');
  await upload('g', 'gdp://gone/g');
  await line.succeeds(['volume', 'rm', '--yes', '--force', 'gdp://gone']);
  const refused = await line.fails(['gc', '--data', 'data'], 75);
  assert.match(refused, /another process has it open/);
  await line.stopServer();
  const before = await diskBytes();
  const report = await line.json(['gc', '--data', 'data', '--json']);
  assert.deepEqual([report['dryRun'], report['spared']], [false, []]);
  assert.ok((await diskBytes()) < before - FILE_BYTES);
  assert.match(
    await line.succeeds(['gc', '--data', 'data', '--dry-run']),
    /^would free 0 B of 0 chunks/,
  );
  assert.match(await line.succeeds(['fsck', '--data', 'data']), /chunks trimmed\n$/);
  await line.startServer();
  assert.deepEqual(await download('gdp://mine/m'), now);
  await line.succeeds(['verify', 'gdp://mine']);
});
