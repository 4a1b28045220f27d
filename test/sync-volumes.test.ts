/** Synchronization of two directories that are both in volumes. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isGdpfsError } from '../src/base/errors.ts';
import { LIMITS } from '../src/base/limits.ts';
import type { Endpoint } from '../src/client/endpoint.ts';
import type { Session } from '../src/client/session.ts';
import { sync, type SyncOptions } from '../src/client/sync/sync.ts';
import type { TransferResult } from '../src/client/tally.ts';
import { copy } from '../src/client/transfer.ts';
import { createVolume } from '../src/client/volumes.ts';
import { countRequests } from './support/counting-session.ts';
import { startServerHere, temporaryDirectory } from './support/server.ts';
import { openTestSession, type TestSession, VOLUME } from './support/session.ts';
import { describeTree } from './support/tree.ts';

const OTHER = 'other';

let stack: AsyncDisposableStack;
let folder: string;
let here: TestSession;
let there: TestSession;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  here = stack.use(
    await openTestSession(stack.use(await startServerHere(join(folder, 'data-here')))),
  );
  there = stack.use(
    await openTestSession(stack.use(await startServerHere(join(folder, 'data-there')))),
  );
  await createVolume(here.session, { name: OTHER });
});

after(() => stack.disposeAsync());

function at(session: Session, volume: string, path: string): Endpoint {
  return { kind: 'remote', session, remote: { volume, path } };
}

async function copyTo(source: Endpoint, destination: Endpoint): Promise<void> {
  const transfer = { unsafeLinks: true };
  const call = { sources: [source], destination, transfer, recursive: true, asDestination: true };
  assert.deepEqual((await copy(call)).errors, []);
}

async function send(root: string, path: string): Promise<void> {
  await sync({
    source: { kind: 'local', path: root },
    destination: at(here.session, VOLUME, path),
    remove: true,
  });
}

async function fetchBack(source: Endpoint, name: string): Promise<Record<string, string>> {
  const target = join(folder, name);
  rmSync(target, { recursive: true, force: true });
  await copyTo(source, { kind: 'local', path: target });
  return describeTree(target);
}

function makeTree(name: string): string {
  const root = join(folder, name);
  for (let index = 0; index < 100; index += 1) {
    mkdirSync(join(root, `d${index % 4}`), { recursive: true });
    writeFileSync(join(root, `d${index % 4}`, `f${index}`), randomBytes(50 + index));
  }
  writeFileSync(join(root, 'large'), randomBytes(2 * LIMITS.chunkBytesDefault));
  symlinkSync('../d1', join(root, 'd0', 'link'));
  return root;
}

/** Where a tree of VOLUME goes: the same volume, another, another server. */
function destinations(path: string): readonly Endpoint[] {
  return [
    at(here.session, VOLUME, `${path}-copy`),
    at(here.session, OTHER, path),
    at(there.session, VOLUME, path),
  ];
}

test('sync() makes a directory of a volume like one of any volume, and then has nothing to do', async () => {
  const root = makeTree('tree');
  await send(root, 'tree');
  for (const [index, destination] of destinations('tree').entries()) {
    const run = async (options: Partial<SyncOptions> = {}): Promise<TransferResult> => {
      const source = at(here.session, VOLUME, 'tree');
      const result = await sync({ source, destination, remove: true, ...options });
      assert.deepEqual(result.errors, []);
      return result;
    };
    const first = await run();
    assert.equal(first.files, 101);
    assert.equal(first.bytesSent, index === 0 ? 0 : first.bytes);
    assert.deepEqual(await fetchBack(destination, 'tree-back'), describeTree(root));
    for (const by of ['time', 'content', 'size'] as const) {
      const again = await run({ by });
      assert.deepEqual([again.files, again.bytesSent, again.directories], [0, 0, 0]);
    }
  }
  // What changes, goes, comes, and becomes something else.
  writeFileSync(join(root, 'd1', 'f1'), 'changed');
  rmSync(join(root, 'd2'), { recursive: true });
  rmSync(join(root, 'd3', 'f3'));
  mkdirSync(join(root, 'd3', 'f3'));
  writeFileSync(join(root, 'd3', 'f3', 'new'), 'new');
  rmSync(join(root, 'd0', 'link'));
  writeFileSync(join(root, 'd0', 'link'), 'a file');
  await send(root, 'tree');
  for (const destination of destinations('tree')) {
    const source = at(here.session, VOLUME, 'tree');
    const result = await sync({ source, destination, remove: true });
    assert.deepEqual([result.errors, result.files], [[], 3]);
    assert.deepEqual(await fetchBack(destination, 'tree-back'), describeTree(root));
  }
});

test('sync() between volumes leaves out what it is told to, and keeps what it may not remove', async () => {
  const root = join(folder, 'filtered');
  mkdirSync(join(root, 'cache'), { recursive: true });
  for (const name of ['a.txt', 'b.log', 'cache/x']) writeFileSync(join(root, name), name);
  await send(root, 'filtered');
  const rules = [
    { kind: 'exclude', pattern: '*.log' },
    { kind: 'exclude', pattern: 'cache/' },
  ] as const;
  for (const destination of destinations('filtered')) {
    await sync({ source: at(here.session, VOLUME, 'filtered'), destination, rules });
    const names = Object.keys(await fetchBack(destination, 'filtered-back'));
    assert.deepEqual(names, ['a.txt']);
  }
});

test('sync() refuses two directories of which one lies in the other', async () => {
  const root = join(folder, 'nested');
  mkdirSync(join(root, 'inner'), { recursive: true });
  writeFileSync(join(root, 'inner', 'x'), 'x');
  await send(root, 'nested');
  for (const [from, to] of [
    ['nested', 'nested/inner'],
    ['nested/inner', 'nested'],
    ['nested', 'nested'],
    ['', 'nested'],
  ] as const) {
    const source = at(here.session, VOLUME, from);
    const syncing = sync({ source, destination: at(here.session, VOLUME, to), remove: true });
    await assert.rejects(syncing, (error) => isGdpfsError(error, 'usage'));
  }
  const source = at(here.session, VOLUME, 'nested/inner/x');
  const syncing = sync({ source, destination: at(here.session, OTHER, 'x') });
  await assert.rejects(syncing, (error) => isGdpfsError(error, 'not_a_directory'));
});

test('a thousand files go to another directory of their volume in one request, and no bytes move', async () => {
  const root = makeTree('once');
  await send(root, 'once');
  const session = countRequests(here.session);
  const result = await sync({
    source: at(session, VOLUME, 'once'),
    destination: at(session, VOLUME, 'once-copy'),
  });
  assert.deepEqual([result.errors, result.bytesSent, result.files], [[], 0, 101]);
  assert.equal(session.requests.get('POST /api/v1/files/changes'), 1);
  assert.equal(session.requests.get('PATCH /api/v1/files'), undefined);
  assert.deepEqual(
    await fetchBack(at(here.session, VOLUME, 'once-copy'), 'once-back'),
    describeTree(root),
  );
});
