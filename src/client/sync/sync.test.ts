import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import { type CountingSession, countRequests } from '../../../test/support/counting-session.ts';
import { startTestClient, type TestClient, VOLUME } from '../../../test/support/session.ts';
import { describeTree } from '../../../test/support/tree.ts';
import { rejectsWith } from '../../../test/support/rejects.ts';
import type { Endpoint } from '../endpoint.ts';
import { remove } from '../files.ts';
import { Tally, type TransferResult } from '../tally.ts';
import { listRemoteTree } from './remote-tree.ts';
import { applySyncPlan, planSync, sync, type SyncOptions, writeSyncPlan } from './sync.ts';

const CHANGES = '/api/v1/files/changes';

let client: TestClient;

before(async () => {
  client = await startTestClient();
});

after(() => client[Symbol.asyncDispose]());

function local(name: string): Endpoint & { kind: 'local' } {
  return { kind: 'local', path: join(client.folder, name) };
}

function remote(path: string, session = client.session): Endpoint {
  return { kind: 'remote', session, remote: { volume: VOLUME, path } };
}

/** Files by their path, with their content; a `/` at the end makes a directory. */
function write(name: string, files: Readonly<Record<string, string | Buffer>>): string {
  const root = join(client.folder, name);
  for (const [path, content] of Object.entries(files)) {
    const directory = path.slice(0, path.lastIndexOf('/') + 1);
    mkdirSync(join(root, directory), { recursive: true });
    if (!path.endsWith('/')) writeFileSync(join(root, path), content);
  }
  return root;
}

async function up(name: string, options: Partial<SyncOptions> = {}): Promise<TransferResult> {
  return await sync({ source: local(name), destination: remote(name), ...options });
}

/** Paths in the volume. */
async function names(path: string): Promise<string[]> {
  const found: string[] = [];
  const { pages } = await listRemoteTree(client.session, `/${VOLUME}/${path}`);
  for await (const rows of pages) found.push(...rows.map(({ relative }) => relative));
  return found;
}

/** The tree of the volume as a local one. */
async function back(path: string): Promise<Record<string, string>> {
  const target = local(`${path}-back-${randomBytes(4).toString('hex')}`);
  await sync({ source: remote(path), destination: target });
  return describeTree(target.path);
}

/** What a dry run says, in short. */
async function planned(options: SyncOptions): Promise<string[]> {
  const lines: string[] = [];
  await planSync(options, new Tally(), async ({ pages }) => {
    for await (const actions of pages) {
      for (const action of actions) {
        const why = 'reason' in action ? ` ${action.reason}` : '';
        lines.push(`${action.kind} ${action.entry.relative}${why}`);
      }
    }
  });
  return lines;
}

describe('sync() into a volume', () => {
  test('makes a tree, then asks and sends nothing while nothing changes', async () => {
    const root = write('still', {
      'a/b/c': 'deep',
      'a-b': '',
      'empty/': '',
      large: randomBytes(LIMITS.smallFileBytesMax + 1),
      '\u{1f600}\n': 'odd',
    });
    symlinkSync('a/b', join(root, 'link'));
    utimesSync(join(root, 'a-b'), 1, 1.000_001_5);
    assert.deepEqual((await up('still')).errors, []);
    assert.deepEqual(await back('still'), describeTree(root));
    const session: CountingSession = countRequests(client.session);
    const result = await up('still', { destination: remote('still', session) });
    assert.deepEqual(
      [result.files, result.directories, result.links, result.skipped, result.bytes],
      [0, 0, 0, 5, 0],
    );
    assert.equal(session.sentBytes, 0);
    // Is it there; its listing; is the volume empty.
    assert.deepEqual(Object.fromEntries(session.requests), {
      'GET /api/v1/files': 2,
      [`GET /api/v1/volumes/${VOLUME}`]: 1,
    });
  });

  test('sends what changed, sets what only changed its mode, and keeps what it lacks', async () => {
    const root = write('changed', { same: 'same', grown: 'a', mode: 'x', gone: 'gone' });
    await up('changed');
    appendFileSync(join(root, 'grown'), 'b');
    chmodSync(join(root, 'mode'), 0o600);
    rmSync(join(root, 'gone'));
    const result = await up('changed');
    assert.equal(result.files, 1);
    assert.equal(result.bytesSent, 2);
    assert.deepEqual(await names('changed'), ['gone', 'grown', 'mode', 'same']);
    const { gone, ...rest } = await back('changed');
    assert(gone !== undefined);
    assert.deepEqual(rest, describeTree(root));
  });

  test('removes what the source lacks, whole directories too, and what is in the way', async () => {
    const root = write('deleted', {
      'old/a': '1',
      'old/b/c': '2',
      'keep/x': '3',
      turn: 'file',
      'other/x': '',
    });
    await up('deleted');
    rmSync(join(root, 'old'), { recursive: true });
    rmSync(join(root, 'turn'));
    rmSync(join(root, 'other'), { recursive: true });
    write('deleted', { 'turn/now': 'directory', other: 'file' });
    const result = await up('deleted', { remove: true });
    assert.deepEqual(result.errors, []);
    // old, old/a, old/b, old/b/c; turn; other, other/x.
    assert.equal(result.removed, 7);
    assert.deepEqual(await back('deleted'), describeTree(root));
  });

  test('removes a thousand names in one request, and goes on around what is refused', async () => {
    const count = LIMITS.changeSetMax + 200;
    const files = Array.from({ length: count }, (_, index) => [`f${index}`, '']);
    const root = write('many', { ...Object.fromEntries(files), kept: 'x' });
    await up('many');
    for (let index = 0; index < count; index += 1) rmSync(join(root, `f${index}`));
    chmodSync(join(root, 'kept'), 0o600);
    const session = countRequests(client.session);
    const { request } = session;
    let rival: Promise<unknown> | undefined;
    session.request = async (asked) => {
      // One is removed by somebody else, between the listing and the first removal.
      if (asked.route === CHANGES) {
        rival ??= remove(client.session, `/${VOLUME}/many/f7`);
        await rival;
      }
      return await request(asked);
    };
    const result = await sync({
      source: local('many'),
      destination: remote('many', session),
      remove: true,
    });
    assert.deepEqual(result.errors, []);
    assert.equal(result.removed, count);
    assert.deepEqual(await names('many'), ['kept']);
    assert.deepEqual(await back('many'), describeTree(root));
    // The set with the one that was gone is halved until it is alone.
    const sent = session.requests.get(`POST ${CHANGES}`) ?? 0;
    assert(sent <= 2 + 2 * Math.ceil(Math.log2(LIMITS.changeSetMax)), `${sent} requests`);
    assert.equal(session.requests.get('DELETE /api/v1/files'), undefined);
  });

  test('does nothing at all if it would remove more than it may', async () => {
    const root = write('limited', { a: '1', 'b/c': '2', 'b/d': '3' });
    await up('limited');
    rmSync(join(root, 'b'), { recursive: true });
    write('limited', { 'new': 'new' });
    const options = { remove: true, removalsMax: 2 };
    await rejectsWith(up('limited', options), 'usage', /3 names would be removed, need at most 2/);
    assert.deepEqual(await names('limited'), ['a', 'b', 'b/c', 'b/d']);
    assert.equal((await up('limited', { remove: true, removalsMax: 3 })).removed, 3);
    assert.deepEqual(await names('limited'), ['a', 'new']);
  });

  test('removes nothing below a directory that it cannot read', async (context) => {
    if (process.getuid?.() === 0) return context.skip('root reads everything');
    const root = write('unreadable', { 'a/b': '1', c: '2' });
    await up('unreadable');
    chmodSync(join(root, 'a'), 0);
    rmSync(join(root, 'c'));
    const { errors } = await up('unreadable', { remove: true });
    chmodSync(join(root, 'a'), 0o755);
    assert.equal(errors.length, 1);
    assert.deepEqual(await names('unreadable'), ['a', 'a/b']);
  });

  test('leaves out what is excluded, and does not remove it there', async () => {
    const root = write('filtered', {
      'a.txt': '1',
      'a.tmp': '2',
      'build/x': '3',
      'd/b.tmp': '4',
      'd/c': '5',
    });
    await up('filtered');
    rmSync(join(root, 'd'), { recursive: true });
    rmSync(join(root, 'a.txt'));
    const rules = [
      { kind: 'exclude', pattern: '*.tmp' },
      { kind: 'exclude', pattern: '/build/' },
    ] as const;
    await up('filtered', { remove: true, rules });
    assert.deepEqual(await names('filtered'), ['a.tmp', 'build', 'build/x', 'd', 'd/b.tmp']);
    write('filtered', { 'fresh.tmp': '', 'build/y': '' });
    await up('filtered', { rules });
    assert(!(await names('filtered')).includes('fresh.tmp'));
    await up('filtered', { remove: true, removeExcluded: true, rules });
    assert.deepEqual(await names('filtered'), []);
  });

  test('compares contents when told, also where size and time are equal', async () => {
    const large = randomBytes(3 * LIMITS.smallFileBytesMax);
    const root = write('content', { small: 'old', same: 'same', large: large, touched: large });
    await up('content');
    const disguise = (name: string, change: () => void): void => {
      const { atime, mtime } = lstatSync(join(root, name));
      change();
      utimesSync(join(root, name), atime, mtime);
    };
    // Whole milliseconds, so that the time can be set back exactly.
    for (const name of readdirSync(root)) disguise(name, () => {});
    await up('content');
    disguise('small', () => writeFileSync(join(root, 'small'), 'new'));
    large[large.length - 1] = (large.at(-1) ?? 0) ^ 1;
    disguise('large', () => writeFileSync(join(root, 'large'), large));
    const call = { source: local('content'), destination: remote('content') };
    assert.deepEqual(await planned(call), []);
    assert.deepEqual(await planned({ ...call, by: 'content' }), [
      'file large changed',
      'file small changed',
    ]);
    const result = await up('content', { by: 'content' });
    assert.deepEqual(result.errors, []);
    assert(result.bytesSent < large.length, 'only one chunk of the large file is sent');
    assert.deepEqual(await back('content'), describeTree(root));
    assert.deepEqual(await planned({ ...call, by: 'content' }), []);
  });

  test('sends no content of a renamed tree', async () => {
    const root = write('moved', {
      'before/a': randomBytes(5000),
      'before/b': randomBytes(500_000),
    });
    await up('moved');
    mkdirSync(join(root, 'after'));
    for (const name of ['a', 'b']) {
      writeFileSync(join(root, 'after', name), readFileSync(join(root, 'before', name)));
    }
    rmSync(join(root, 'before'), { recursive: true });
    const result = await up('moved', { remove: true });
    assert.equal(result.bytesSent, 0);
    assert.equal(result.bytesReused, 505_000);
    assert.deepEqual(await back('moved'), describeTree(root));
  });

  test('keeps files that exist, or that are newer there, as told', async () => {
    const root = write('policy', { a: 'old' });
    await up('policy');
    writeFileSync(join(root, 'a'), 'longer');
    assert.equal((await up('policy', { existing: 'keep' })).skipped, 1);
    utimesSync(join(root, 'a'), 1, 1);
    assert.equal((await up('policy', { existing: 'newer' })).skipped, 1);
    assert.equal((await up('policy')).files, 1);
  });
});

describe('sync() out of a volume', () => {
  test('makes the directory equal, removes what is left over, and then has nothing to do', async () => {
    write('source', { 'a/b': '1', c: randomBytes(400_000), 'empty/': '' });
    await up('source');
    const target = write('target', { 'a/old': 'x', 'c/was/directory': 'y', left: 'z' });
    const call = { source: remote('source'), destination: local('target') };
    const result = await sync({ ...call, remove: true });
    assert.deepEqual(result.errors, []);
    assert.deepEqual(describeTree(target), describeTree(join(client.folder, 'source')));
    assert.deepEqual(await planned(call), []);
    const again = await sync({ ...call, remove: true });
    assert.deepEqual([again.files, again.removed, again.skipped], [0, 0, 2]);
  });

  test('leaves out what is excluded on both sides', async () => {
    write('two', { 'a.txt': '1', 'a.tmp': '2', 'build/x': '3' });
    await up('two');
    const target = write('two-target', { 'own.tmp': 'mine', other: 'gone' });
    const rules = ['*.tmp', 'build/'].map((pattern) => ({ kind: 'exclude' as const, pattern }));
    await sync({ source: remote('two'), destination: local('two-target'), remove: true, rules });
    assert.deepEqual(readdirSync(target).sort(), ['a.txt', 'own.tmp']);
  });

  test('refuses to remove more than it may', async () => {
    write('few', { a: '1' });
    await up('few');
    const target = write('few-target', { x: '', y: '' });
    const options = { remove: true, removalsMax: 1 };
    await rejectsWith(
      sync({ source: remote('few'), destination: local('few-target'), ...options }),
      'usage',
    );
    assert.deepEqual(readdirSync(target).sort(), ['x', 'y']);
  });
});

describe('a plan of a synchronization', () => {
  test('is done as it was written', async () => {
    const root = write('plan', { a: '1', 'd/b': '2', 'old\u2028line': '3' });
    await up('plan');
    write('plan', { 'new': 'n', a: 'changed' });
    rmSync(join(root, 'old\u2028line'));
    const call = { source: local('plan'), destination: remote('plan') };
    const file = join(client.folder, 'plan.ndjson');
    assert.equal(await writeSyncPlan({ ...call, remove: true }, new Tally(), file), 3);
    assert.deepEqual(await names('plan'), ['a', 'd', 'd/b', 'old\u2028line']);
    const [header = '', ...lines] = readFileSync(file, 'utf8').trimEnd().split('\n');
    assert.equal(
      (JSON.parse(header) as { destination: string }).destination,
      `gdp://${VOLUME}/plan`,
    );
    assert.deepEqual(
      lines.map((line) => (JSON.parse(line) as { action: string }).action),
      ['file', 'file', 'remove'],
    );
    const tally = new Tally();
    await applySyncPlan(call, tally, file);
    assert.deepEqual([tally.files, tally.removed, tally.errors.length], [2, 1, 0]);
    assert.deepEqual(await back('plan'), describeTree(root));
    await rejectsWith(applySyncPlan(call, new Tally(), file), 'changed');
  });

  test('is refused when a file changed since, here or there, and nothing is done', async () => {
    const root = write('stale', { a: '1', b: '2' });
    await up('stale');
    writeFileSync(join(root, 'a'), 'changed');
    const call = { source: local('stale'), destination: remote('stale') };
    const file = join(client.folder, 'stale.ndjson');
    await writeSyncPlan(call, new Tally(), file);
    writeFileSync(join(root, 'a'), 'changed again');
    await rejectsWith(applySyncPlan(call, new Tally(), file), 'changed', /"a" is not as it was/);
    await writeSyncPlan(call, new Tally(), file);
    write('stale-other', { a: 'from elsewhere' });
    await sync({ source: local('stale-other'), destination: remote('stale') });
    const before = await back('stale');
    await rejectsWith(applySyncPlan(call, new Tally(), file), 'changed');
    assert.deepEqual(await back('stale'), before);
  });

  test('is refused for other places, and if it is none', async () => {
    write('places', { a: '1' });
    const call = { source: local('places'), destination: remote('places') };
    const file = join(client.folder, 'places.ndjson');
    await writeSyncPlan(call, new Tally(), file);
    const elsewhere = { ...call, destination: remote('elsewhere') };
    await rejectsWith(applySyncPlan(elsewhere, new Tally(), file), 'bad_request', /a plan for/);
    appendFileSync(file, '{"action":"remove","path":"../x","kind":"file"}\n');
    await rejectsWith(applySyncPlan(call, new Tally(), file), 'bad_request');
    truncateSync(file);
    await rejectsWith(applySyncPlan(call, new Tally(), file), 'bad_request', /empty/);
    await rejectsWith(applySyncPlan(call, new Tally(), join(client.folder, 'none')), 'not_found');
  });
});

describe('sync()', () => {
  test('refuses a source that is missing or no directory, and makes nothing', async () => {
    await rejectsWith(up('missing'), 'not_found');
    write('.', { 'a-file': '' });
    await rejectsWith(up('a-file'), 'not_a_directory');
    const destination = local('made-from-nothing');
    await rejectsWith(sync({ source: remote('nothing'), destination }), 'not_found');
    assert(!readdirSync(client.folder).includes('made-from-nothing'));
  });
});
