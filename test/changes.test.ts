/** The change feed: what somebody sees of what others do, and when. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isGdpfsError } from '../src/base/errors.ts';
import { type WatchOptions, watchChanges } from '../src/client/changes.ts';
import { listPages } from '../src/client/files.ts';
import { openSession, type Session } from '../src/client/session.ts';
import type { ChangePage, Entry, VolumeChange } from '../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import { runCli } from './support/cli.ts';
import type { HttpAnswer, HttpClient } from './support/http-client.ts';
import { Random } from './support/random.ts';
import {
  addUser,
  enrol,
  startServerHere,
  temporaryDirectory,
  type TestServer,
} from './support/server.ts';

const FEED = '/api/v1/volumes/alice/changes';
const FILES = '/api/v1/files';

let stack: AsyncDisposableStack;
let folder: string;
let server: TestServer;
let admin: HttpClient;
let alice: HttpClient;
let bob: HttpClient;
let session: Session;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  server = stack.use(await startServerHere(join(folder, 'data')));
  admin = stack.use(await enrol(server, server.adminToken ?? ''));
  alice = stack.use(await addUser(server, admin, 'alice'));
  bob = stack.use(await addUser(server, admin, 'bob'));
  session = stack.use(sessionOf(bob));
  for (const path of ['open', 'hidden', 'hidden/way', 'hidden/way/open']) await mkdir(path);
  await grant('/alice/open');
  await grant('/alice/hidden/way/open');
});
after(() => stack.disposeAsync());

function sessionOf({ options }: HttpClient): Session {
  const { ca, certificate = '', key = '' } = options;
  return openSession({ url: server.url, ca, certificate, key });
}

async function ok(answer: Promise<HttpAnswer>): Promise<HttpAnswer> {
  const { status, text } = await answer;
  assert(status < 300, text);
  return await answer;
}

async function mkdir(path: string): Promise<void> {
  await ok(alice.send('POST', FILES, { json: { path: `/alice/${path}`, kind: 'directory' } }));
}

function put(path: string, text: string): Promise<HttpAnswer> {
  const query = { path: `/alice/${path}` };
  const body = new TextEncoder().encode(text);
  return alice.send('POST', '/api/v1/storage/files', { query, body, type: MEDIA_TYPES.bytes });
}

function patch(path: string, json: object): Promise<HttpAnswer> {
  return alice.send('PATCH', FILES, { query: { path: `/alice/${path}` }, json });
}

function rename(path: string, to: string): Promise<HttpAnswer> {
  return patch(path, { op: 'rename', to: `/alice/${to}` });
}

function removal(path: string): Promise<HttpAnswer> {
  return alice.send('DELETE', FILES, { query: { path: `/alice/${path}`, recursive: true } });
}

async function grant(path: string, subject = 'bob'): Promise<void> {
  const json = { subject, permission: 'read', path };
  await ok(alice.send('POST', '/api/v1/admin/grants', { json }));
}

async function page(client: HttpClient, query: object): Promise<ChangePage> {
  return (await ok(client.send('GET', FEED, { query: { ...query } }))).json as ChangePage;
}

async function end(): Promise<number> {
  return (await page(alice, {})).next;
}

async function seenBy(client: HttpClient, from: number): Promise<string[]> {
  const { changes } = await page(client, { from });
  return changes.map(({ change, path, from: old }) =>
    [change, ...(old === undefined ? [] : [old]), path].join(' ').replaceAll('/alice', ''),
  );
}

test('who may read all of a volume sees every change, others what comes into their sight and leaves it', async () => {
  const from = await end();
  await ok(put('open/a', '1'));
  await ok(put('hidden/b', '2'));
  await ok(rename('open/a', 'hidden/a'));
  await ok(rename('hidden/a', 'hidden/c'));
  await ok(rename('hidden/b', 'open/b'));
  await ok(put('open/b', '3'));
  await ok(rename('open/b', 'hidden/way/open/b'));
  await ok(removal('hidden/way/open/b'));
  assert.deepEqual(await seenBy(alice, from), [
    'created /open/a',
    'created /hidden/b',
    'moved /open/a /hidden/a',
    'moved /hidden/a /hidden/c',
    'moved /hidden/b /open/b',
    'changed /open/b',
    'moved /open/b /hidden/way/open/b',
    'removed /hidden/way/open/b',
  ]);
  assert.deepEqual(await seenBy(bob, from), [
    'created /open/a',
    'removed /open/a',
    'created /open/b',
    'changed /open/b',
    'moved /open/b /hidden/way/open/b',
    'removed /hidden/way/open/b',
  ]);
});

test('renames of granted directories, and of those above them, are seen as such, and end no sight', async () => {
  const from = await end();
  await ok(rename('hidden', 'dark'));
  await ok(put('dark/way/open/x', '1'));
  await ok(rename('dark/way/open', 'shown'));
  await ok(put('shown/y', '2'));
  await mkdir('dark/way/open');
  await ok(put('dark/way/open/other', 'with the old name'));
  await ok(rename('shown', 'dark/way/shown'));
  assert.deepEqual(await seenBy(bob, from), [
    'moved /hidden /dark',
    'created /dark/way/open/x',
    'moved /dark/way/open /shown',
    'created /shown/y',
    'moved /shown /dark/way/shown',
  ]);
});

test('pages of any size, from any record on, and below a path, add up to the same', async () => {
  const all = (await page(alice, { from: 0 })).changes;
  assert(all.length > 15);
  for (const limit of [1, 3]) {
    const found: VolumeChange[] = [];
    for (let from = 0, next = -1; next !== from; ) {
      from = next === -1 ? 0 : next;
      const { changes, next: behind } = await page(alice, { from, limit });
      assert(changes.length <= limit);
      found.push(...changes);
      next = behind;
    }
    assert.deepEqual(found, all);
  }
  const below = await page(alice, { from: 0, path: 'open' });
  const isBelow = (path = ''): boolean => path === '/alice/open' || path.startsWith('/alice/open/');
  assert.deepEqual(
    below.changes,
    all.filter(({ path, from }) => isBelow(path) || isBelow(from)),
  );
  const { code } = await alice.send('GET', FEED, { query: { from: 1_000_000 } });
  assert.equal(code, 'bad_request');
});

test('who waits is answered when something happens that they may see, and not by anything else', async () => {
  await using dora = await addUser(server, admin, 'dora');
  await mkdir('for-dora');
  await grant('/alice/for-dora', 'dora');
  const from = await end();
  let isAnswered = false;
  const answer = page(dora, { from, wait: 50 }).finally(() => {
    isAnswered = true;
  });
  await mkdir('not-for-dora');
  await end();
  assert.equal(isAnswered, false);
  await ok(put('for-dora/x', '1'));
  const { changes } = await answer;
  assert.deepEqual(
    changes.map(({ path }) => path),
    ['/alice/for-dora/x'],
  );
  const empty = await page(dora, { from: await end(), wait: 1 });
  assert.deepEqual([empty.changes, empty.next], [[], await end()]);
});

test('waiting ends with the grant, and with the principal', async () => {
  await using eve = await addUser(server, admin, 'eve');
  await mkdir('for-eve');
  await grant('/alice/for-eve', 'eve');
  const wait = async (): Promise<HttpAnswer> =>
    await eve.send('GET', FEED, { query: { from: await end(), wait: 50 } });
  const first = wait();
  await ok(
    alice.send('DELETE', '/api/v1/admin/grants', {
      query: { path: '/alice/for-eve', subject: 'eve' },
    }),
  );
  assert.equal((await first).code, 'forbidden');
  await grant('/alice/for-eve', 'eve');
  const second = wait();
  await ok(admin.send('DELETE', '/api/v1/admin/principals/eve'));
  assert.equal((await second).code, 'certificate_invalid');
});

test('watchChanges() goes on where it was, until it is interrupted', async () => {
  const from = await end();
  await ok(put('open/one', '1'));
  const controller = new AbortController();
  const { signal } = controller;
  const found: string[] = [];
  const options = { volume: 'alice', path: 'open', from, follow: true, signal };
  const watching = (async () => {
    for await (const { path } of watchChanges(session, options)) {
      found.push(path);
      if (found.length === 1) await ok(put('open/two', '2'));
      if (found.length === 2) controller.abort();
    }
  })();
  await assert.rejects(watching, (error) => isGdpfsError(error) || signal.aborted);
  assert.deepEqual(found, ['/alice/open/one', '/alice/open/two']);
});

test('gdpfs watch prints what happened, for people and for programs', async () => {
  const home = join(folder, 'home');
  const invited = await admin.send('POST', '/api/v1/admin/invitations', {
    json: { principal: 'fred' },
  });
  await runCli(['login', server.url, (invited.json as { token: string }).token], { home });
  await grant('/alice/open', 'fred');
  await ok(put('open/shown', 'hello'));
  const { stdout } = await runCli(['watch', '--no-wait', 'gdp://alice/open'], { home });
  const last = stdout.trimEnd().split('\n').at(-1) ?? '';
  assert.match(last, /alice .*created +gdp:\/\/alice\/open\/shown \(5 B\)$/);
  const json = await runCli(['watch', '--no-wait', '--json', 'gdp://alice'], { home });
  const lines = json.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as VolumeChange);
  assert.equal(lines.at(-1)?.path, '/alice/open/shown');
});

test('watching what never was is refused, what was is told, and what is there is waited for', async () => {
  const from = await end();
  const options = { volume: 'alice', path: 'open/none', follow: true };
  const watch = async (other: Partial<WatchOptions> = {}): Promise<string[]> => {
    const seen: string[] = [];
    for await (const { change } of watchChanges(session, { ...options, ...other })) {
      seen.push(change);
    }
    return seen;
  };
  const never =
    /^cannot watch "gdp:\/\/alice\/open\/none": it does not exist, and nothing happened there/;
  for (const follow of [true, false]) {
    await assert.rejects(watch({ follow }), { code: 'not_found', message: never });
    await assert.rejects(watch({ follow, from }), { code: 'not_found', message: never });
    await assert.rejects(watch({ follow, path: 'secret' }), { code: 'forbidden' });
  }
  await ok(put('open/none', '1'));
  assert.deepEqual(await watch({ follow: false, from: await end() }), []);
  await ok(removal('open/none'));
  assert.deepEqual(await watch({ follow: false }), ['created', 'removed']);
  await assert.rejects(watch({ follow: false, from: await end() }), { code: 'not_found' });
});

/** A tree as somebody keeps it who listens to the feed and lists what comes into sight. */
async function follow(tree: Map<string, Entry | undefined>, changes: readonly VolumeChange[]) {
  const isIn = (path: string, top: string): boolean => path === top || path.startsWith(`${top}/`);
  const take = (top: string): [string, Entry | undefined][] => {
    const taken = [...tree].filter(([path]) => isIn(path, top));
    for (const [path] of taken) tree.delete(path);
    return taken;
  };
  for (const { change, path, from = '', kind, seq } of changes) {
    const moved = change === 'moved' ? take(from) : [];
    if (change !== 'changed') take(path);
    if (change === 'removed') continue;
    for (const [old, entry] of moved) tree.set(path + old.slice(from.length), entry);
    const stat = { query: { path, at: seq } };
    tree.set(path, (await ok(bob.send('GET', FILES, stat))).json as Entry);
    if (change !== 'created' || kind !== 'directory') continue;
    const options = { recursive: true, at: String(seq) };
    for await (const { entries } of listPages(session, path, options)) {
      for (const entry of entries) tree.set(entry.path, entry);
    }
  }
}

test('whoever follows the feed has the tree that they may see, whatever is done to it, and learns of nothing else', async () => {
  const random = new Random(7);
  const pick = <T>(list: readonly T[]): T => {
    const item = random.pick(list);
    assert(item !== undefined);
    return item;
  };
  const granted = new Set<number>();
  for (const path of ['g1', 'g2', 'g2/in', 'g2/in/g3', 'g4']) await mkdir(path);
  for (const path of ['/alice/g1', '/alice/g2/in/g3', '/alice/g4']) await grant(path);
  const { json } = await ok(bob.send('GET', '/api/v1/admin/grants', { query: { subject: 'bob' } }));
  const paths = (json as { grants: { path: string }[] }).grants.map(({ path }) => path);
  for (const path of paths) {
    granted.add(((await ok(alice.send('GET', FILES, { query: { path } }))).json as Entry).node);
  }
  const listed = async (client: Session): Promise<Entry[]> => {
    const entries: Entry[] = [];
    for await (const found of listPages(client, '/alice', { recursive: true })) {
      entries.push(...found.entries);
    }
    return entries;
  };
  /** What is below a grant: of the rest only the way is seen, of which no record speaks. */
  const below = (entries: readonly Entry[]): Map<string, string> => {
    const tops = entries.filter(({ node }) => granted.has(node)).map(({ path }) => path);
    const isBelow = ({ path }: Entry): boolean =>
      tops.some((top) => path === top || path.startsWith(`${top}/`));
    return new Map(
      entries.filter(isBelow).map(({ path, node, etag = '' }) => [path, `${node} ${etag}`]),
    );
  };
  const tree = new Map<string, Entry | undefined>();
  for (const entry of await listed(session)) tree.set(entry.path, entry);
  await using owner = sessionOf(alice);
  let next = await end();
  let changes = 0;
  for (let step = 0; step < 90; step += 1) {
    const all = (await listed(owner)).map(({ path, kind }) => ({ path: path.slice(7), kind }));
    const directories = [
      '',
      ...all.filter(({ kind }) => kind === 'directory').map((one) => one.path),
    ];
    const target = join(pick(directories), `n${random.integer(0, 5)}`);
    const { path } = pick(all);
    // Some of these are refused: into itself, onto a directory, and so on.
    const actions = [
      () => put(target, String(step)),
      () => rename(path, target),
      () => rename(path, target),
      () => alice.send('POST', FILES, { json: { path: `/alice/${target}`, kind: 'directory' } }),
      () => (random.chance(0.8) ? put(target, 'x') : removal(path)),
      () => patch(path, { op: 'restore', at: String(Math.max(next - 3, 12)) }),
      () => patch(path, { op: 'copy', to: `/alice/${target}`, recursive: true }),
    ];
    await pick(actions)();
    const seen = await page(bob, { from: next });
    changes += seen.changes.length;
    await follow(tree, seen.changes);
    ({ next } = seen);
    const entries = await listed(session);
    const kept = [...tree.values()].flatMap((entry, index) => {
      const key = [...tree.keys()][index] ?? '';
      return entry === undefined ? [] : [{ ...entry, path: key }];
    });
    assert.deepEqual(below(kept), below(entries));
  }
  assert(changes > 20, `${changes} changes`);
});
