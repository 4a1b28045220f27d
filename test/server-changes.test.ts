import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { ChangeResult, Entry } from '../src/wire/generated/api.ts';
import type { HttpAnswer, HttpClient } from './support/http-client.ts';
import { startWithUsers } from './support/users.ts';
import { assertRefused } from './support/volume-state.ts';

/** POST /api/v1/files/changes: many changes in one commit. */

const FILES = '/api/v1/files';

let stack: AsyncDisposableStack;
let admin: HttpClient;
let alice: HttpClient;

before(async () => {
  stack = new AsyncDisposableStack();
  ({ admin, alice } = stack.use(await startWithUsers(['alice', 'bob'])));
});
after(() => stack.disposeAsync());

/** Makes small files, whose content is their path. */
async function files(...paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const query = { path: `/alice/${path}`, parents: true };
    const answer = await alice.send('POST', '/api/v1/storage/files', {
      query,
      body: new TextEncoder().encode(path),
    });
    assert.equal(answer.status, 201, answer.text);
  }
}

async function entry(path: string): Promise<Entry | undefined> {
  const answer = await alice.send('GET', FILES, { query: { path: `/alice/${path}` } });
  return answer.status === 200 ? (answer.json as Entry) : undefined;
}

function send(directory: string, json: object, headers = {}): Promise<HttpAnswer> {
  const query = { path: `/alice/${directory}` };
  return alice.send('POST', `${FILES}/changes`, { query, json, headers });
}

test('removals, attributes and copies below a directory are one commit', async () => {
  await files('a/gone', 'a/sub/gone', 'a/kept', 'from/x', 'from/deep/y');
  const before = await entry('a/kept');
  const answer = await send('a', {
    copiesFrom: '/alice/from',
    changes: [
      { op: 'remove', path: 'gone' },
      { op: 'remove', path: 'sub' },
      { op: 'set', path: 'kept', mode: 0o600, mtimeUs: 5, content: before?.etag },
      { op: 'copy', path: 'x', to: 'x' },
      { op: 'copy', path: 'deep/y', to: 'new/deep/y' },
    ],
  });
  assert.equal(answer.status, 200, answer.text);
  const { seq, count } = answer.json as ChangeResult;
  // Two directories of the last copy were made on the way.
  assert.equal(count, 7);
  assert.equal((await entry('a/new/deep/y'))?.seq, seq);
  assert.deepEqual([await entry('a/gone'), await entry('a/sub')], [undefined, undefined]);
  const { mode, mtimeUs, etag } = (await entry('a/kept')) ?? {};
  assert.deepEqual({ mode, mtimeUs, etag }, { mode: 0o600, mtimeUs: 5, etag: before?.etag });
  assert.equal((await entry('a/x'))?.etag, (await entry('from/x'))?.etag);
  assert.notEqual(await entry('from/x'), undefined);
});

test('copies are of the moment that is named, and replace what is there', async () => {
  await files('m/x', 'old');
  const old = await entry('old');
  await alice.send('PATCH', FILES, {
    query: { path: '/alice/old' },
    json: { op: 'truncate', size: 0 },
  });
  const changes = [{ op: 'copy', path: 'old', to: 'x' }];
  const answer = await send('m', { copiesFrom: '/alice/', at: String(old?.seq), changes });
  assert.equal(answer.status, 200, answer.text);
  assert.equal((await entry('m/x'))?.etag, old?.etag);
});

const REFUSED = [
  {
    what: 'one is not there',
    change: { op: 'remove', path: 'none' },
    code: 'not_found',
    status: 404,
  },
  {
    what: 'one has other content',
    change: { op: 'set', path: 'y', mode: 1, content: `sha256:${'0'.repeat(64)}` },
    code: 'changed',
    status: 412,
  },
  {
    what: 'one copies a directory',
    change: { op: 'copy', path: 'd', to: 'e' },
    code: 'is_a_directory',
    status: 409,
  },
  {
    what: 'a path leads out',
    change: { op: 'remove', path: '../b' },
    code: 'bad_request',
    status: 400,
  },
  {
    what: 'a path is the directory',
    change: { op: 'remove', path: '/' },
    code: 'bad_request',
    status: 400,
  },
  {
    what: 'an operation is unknown',
    change: { op: 'burn', path: 'y' },
    code: 'bad_request',
    status: 400,
  },
];

for (const { what, change, code, status } of REFUSED) {
  test(`nothing is changed if ${what}`, async () => {
    await files('b/x', 'b/y', 'b/d/z');
    await assertRefused(alice, { volume: 'alice', code, status }, () =>
      send('b', { changes: [{ op: 'remove', path: 'x' }, change] }),
    );
    assert.notEqual(await entry('b/x'), undefined);
  });
}

test('it is refused in a file, with If-Match, and for a copy from another volume', async () => {
  await files('c');
  const changes = [{ op: 'remove', path: 'x' }];
  const expected = { volume: 'alice', code: 'bad_request', status: 400 };
  await assertRefused(alice, { ...expected, code: 'not_a_directory', status: 409 }, () =>
    send('c', { changes }),
  );
  await assertRefused(alice, expected, () => send('', { changes }, { 'if-none-match': '*' }));
  const copy = { op: 'copy', path: 'c', to: 'y' };
  await assertRefused(admin, expected, () =>
    admin.send('POST', `${FILES}/changes`, {
      query: { path: '/alice/' },
      json: { copiesFrom: '/bob/', changes: [copy] },
    }),
  );
});

test('a repeated request has one effect and one answer; another with its key is refused', async () => {
  await files('r/x', 'r/y');
  const headers = { 'idempotency-key': 'changes-1' };
  const json = { changes: [{ op: 'remove', path: 'x' }] };
  const first = await send('r', json, headers);
  assert.equal(first.status, 200, first.text);
  assert.equal((await send('r', json, headers)).text, first.text);
  await assertRefused(alice, { volume: 'alice', code: 'request_reused', status: 422 }, () =>
    send('r', { changes: [{ op: 'remove', path: 'y' }] }, headers),
  );
});
