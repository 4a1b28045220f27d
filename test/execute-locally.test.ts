/** Plans for a local tree, carried out with what a volume has. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { attributesOf, receivedTime } from '../src/client/local-attributes.ts';
import { startLocalWriter } from '../src/client/local-writer.ts';
import type { Action } from '../src/client/sync/action.ts';
import { executeLocally } from '../src/client/sync/local-executor.ts';
import { listRemoteTree } from '../src/client/sync/remote-tree.ts';
import { Tally } from '../src/client/tally.ts';
import type { ListingRow } from '../src/wire/listing.ts';
import { makeTree, sendTree } from './support/sent-tree.ts';
import { startTestClient, type TestClient, VOLUME } from './support/session.ts';
import { describeTree } from './support/tree.ts';

let client: TestClient;

before(async () => {
  client = await startTestClient();
});

after(() => client[Symbol.asyncDispose]());

function newDirectory(name: string): string {
  const path = join(client.folder, name);
  mkdirSync(path);
  return path;
}

async function execute(
  path: string,
  target: string,
  plan: (rows: ReadonlyMap<string, ListingRow>) => readonly Action[],
): Promise<Tally> {
  const tally = new Tally();
  const api = `/${VOLUME}/${path}`;
  const { seq, pages } = await listRemoteTree(client.session, api);
  const rows = new Map<string, ListingRow>();
  for await (const page of pages) for (const row of page) rows.set(row.relative, row);
  const actions = (async function* () {
    yield plan(rows);
  })();
  await using writer = startLocalWriter();
  const options = { path: api, at: String(seq), target, writer, tally, transfer: {} };
  await executeLocally(client.session, actions, options);
  return tally;
}

function rowOf(rows: ReadonlyMap<string, ListingRow>, relative: string): ListingRow {
  const row = rows.get(relative);
  assert(row !== undefined, relative);
  return row;
}

test('executeLocally() does a plan: removes, replaces, and sets attributes', async () => {
  const source = newDirectory('plan');
  makeTree(source, 14);
  await sendTree(client, source, 'plan');
  const target = join(client.folder, 'plan-back');
  execFileSync('cp', ['-a', source, target]);
  const outside = newDirectory('plan-outside');
  writeFileSync(join(outside, 'precious'), 'x');
  // To be removed: a closed tree with a link out of it, and a directory where a file belongs.
  mkdirSync(join(target, 'extra', 'inner'), { recursive: true });
  symlinkSync(outside, join(target, 'extra', 'inner', 'link'));
  chmodSync(join(target, 'extra', 'inner'), 0);
  rmSync(join(target, 'd1', 'deep', 'f1'));
  mkdirSync(join(target, 'd1', 'deep', 'f1', 'in-the-way'), { recursive: true });
  chmodSync(join(target, 'd2', 'deep', 'f2'), 0o600);
  chmodSync(join(target, 'closed'), 0o755);
  rmSync(join(target, 'closed', 'file'));
  const closed = attributesOf(lstatSync(join(source, 'closed'), { bigint: true }));
  chmodSync(join(target, 'closed'), closed.mode);
  const time = receivedTime(closed);
  utimesSync(join(target, 'closed'), time, time);

  const tally = await execute('plan', target, (rows) => {
    const row = (relative: string): ListingRow => rowOf(rows, relative);
    const directory = (relative: string): ListingRow => ({ ...row('d0'), relative });
    return [
      { kind: 'file', entry: row('closed/file'), reason: 'new' },
      { kind: 'directory', entry: row('d1'), reason: 'changed' },
      { kind: 'directory', entry: row('d1/deep'), reason: 'changed' },
      { kind: 'remove', entry: directory('d1/deep/f1'), count: 2 },
      { kind: 'file', entry: row('d1/deep/f1'), reason: 'new' },
      { kind: 'attributes', entry: row('d2/deep/f2'), existing: row('d2/deep/f2') },
      { kind: 'remove', entry: directory('extra'), count: 3 },
    ];
  });
  assert.deepEqual(tally.errors, []);
  assert.deepEqual([tally.files, tally.directories, tally.removed], [2, 2, 5]);
  // Directories that are not in the plan have the times that they had.
  const expected = describeTree(source);
  assert.deepEqual(describeTree(target), expected);
  assert.deepEqual(readdirSync(outside), ['precious']);
});

test('executeLocally() refuses to remove the root, or anything above it', async () => {
  const source = newDirectory('refuse');
  writeFileSync(join(source, 'x'), 'x');
  await sendTree(client, source, 'refuse');
  const target = newDirectory('refuse-back');
  writeFileSync(join(target, 'kept'), 'x');
  for (const relative of ['', '.', '..', '../refuse', '/', 'a/../..']) {
    const tally = await execute('refuse', target, (rows) => [
      { kind: 'remove', entry: { ...rowOf(rows, 'x'), relative }, count: 1 },
    ]);
    assert.deepEqual(
      tally.errors.map(({ error }) => error.code),
      ['bad_request'],
      relative,
    );
  }
  assert.deepEqual(readdirSync(target), ['kept']);
  assert.deepEqual(readdirSync(source), ['x']);
});

test('executeLocally() reports each file of a new tree whose place is taken, once, and brings the others', async () => {
  const source = newDirectory('taken');
  for (const name of ['a/x', 'a/y', 'b/x']) {
    mkdirSync(join(source, name, '..'), { recursive: true });
    writeFileSync(join(source, name), name);
  }
  await sendTree(client, source, 'taken');
  const target = newDirectory('taken-back');
  writeFileSync(join(target, 'a'), 'in the way');
  const tally = await execute('taken', target, (rows) =>
    ['a/x', 'a/y', 'b/x'].map((name) => ({
      kind: 'file',
      entry: rowOf(rows, name),
      reason: 'new',
    })),
  );
  assert.deepEqual(
    tally.errors.map(({ path, error }) => [path, error.code]),
    ['a/x', 'a/y'].map((name) => [join(target, name), 'not_a_directory']),
  );
  assert.equal(tally.files, 1);
  assert.equal(readFileSync(join(target, 'b/x'), 'utf8'), 'b/x');
});

test('executeLocally() throws what keeps the thread from its directory', async () => {
  await assert.rejects(
    execute('refuse', join(client.folder, 'nowhere'), (rows) => [
      { kind: 'file', entry: rowOf(rows, 'x'), reason: 'new' },
    ]),
    /ENOENT/,
  );
});
