import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../src/base/limits.ts';
import { spawnCli } from './support/cli.ts';
import { CliUser } from './support/cli-user.ts';
import { FaultProxy } from './support/fault-proxy.ts';
import { startServerProcess, temporaryDirectory } from './support/server.ts';

/** Downloads by the real command line that are killed, or that run at the same time. */

const MIB = 1024 * 1024;
const SIZE = LIMITS.partSyncBytes + 128 * MIB;

/** What is lost with a process: bodies that are not written yet, and what sockets hold. */
const IN_FLIGHT_MAX = (LIMITS.transferConcurrency + 2) * LIMITS.bodyBytesTarget;

let stack: AsyncDisposableStack;
let folder: string;
let user: CliUser;
let proxy: FaultProxy;
const content = randomBytes(SIZE);
const other = Buffer.from(content).fill(1, 0, 10 * MIB);

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  user = new CliUser({ home: join(folder, 'home') });
  const server = stack.use(await startServerProcess(join(folder, 'data')));
  proxy = stack.use(await FaultProxy.start(server.url));
  await user.succeeds(['login', proxy.url, '-'], { input: `${server.adminToken}\n` });
  await user.succeeds(['volume', 'create', 'vision']);
  for (const [name, bytes] of Object.entries({ content, other })) {
    writeFileSync(join(folder, name), bytes);
    await user.succeeds(['cp', join(folder, name), `gdp://vision/${name}`]);
  }
});
after(() => stack.disposeAsync());

function newTarget(name: string): string {
  const directory = join(folder, name);
  mkdirSync(directory);
  return join(directory, 'file');
}

/** Starts the command and kills it when so many bytes more have come from the server. */
async function killAfter(args: readonly string[], bytes: number): Promise<void> {
  const reached = proxy.reached('down', bytes);
  const child = spawnCli(args, user.options);
  const ended = once(child, 'exit');
  await reached;
  child.kill('SIGKILL');
  await ended;
  assert.equal(child.signalCode, 'SIGKILL', 'it was not done before');
}

test('a download killed again and again fetches only what was in flight twice', async (context) => {
  const target = newTarget('killed');
  const command = ['cp', 'gdp://vision/content', target];
  const before = proxy.bytes.down;
  for (const bytes of [84 * MIB + 1, 71 * MIB + 5]) {
    await killAfter(command, bytes);
    assert(readdirSync(join(target, '..')).every((name) => name.startsWith('.gdpfs-part-')));
  }
  const stdout = await user.succeeds([...command, '--json']);
  const { bytesReused } = JSON.parse(stdout.trimEnd().split('\n').at(-1) ?? '') as {
    bytesReused: number;
  };
  assert(readFileSync(target).equals(content));
  assert.deepEqual(readdirSync(join(target, '..')), ['file']);
  const twice = proxy.bytes.down - before - SIZE;
  context.diagnostic(`${twice} bytes came twice`);
  assert(twice <= 2 * IN_FLIGHT_MAX, `${twice} bytes came twice`);
  assert(bytesReused >= 140 * MIB - 2 * IN_FLIGHT_MAX, `${bytesReused} bytes were kept`);
});

test('a download of another version goes on with what a killed one left, and cleans up', async () => {
  const target = newTarget('version');
  await killAfter(['cp', 'gdp://vision/content', target], 100 * MIB);
  const before = proxy.bytes.down;
  await user.succeeds(['cp', 'gdp://vision/other', target]);
  const fetched = proxy.bytes.down - before;
  assert(fetched <= SIZE - 90 * MIB + IN_FLIGHT_MAX, `${fetched} bytes`);
  assert(readFileSync(target).equals(other));
  assert.deepEqual(readdirSync(join(target, '..')), ['file']);
});

test('processes that download to one target at once all succeed, and leave one whole file', async () => {
  const target = newTarget('at-once');
  const names = ['content', 'other', 'content', 'other'];
  await Promise.all(names.map((name) => user.succeeds(['cp', `gdp://vision/${name}`, target])));
  const end = readFileSync(target);
  assert(end.equals(content) || end.equals(other));
  assert.deepEqual(readdirSync(join(target, '..')), ['file']);
  assert.equal(statSync(target).nlink, 1);
});
