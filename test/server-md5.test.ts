import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../src/base/limits.ts';
import type { FileMd5, WriteResult } from '../src/wire/generated/api.ts';
import type { HttpAnswer, HttpClient } from './support/http-client.ts';
import { startWithUsers } from './support/users.ts';
import { assertProblem } from './support/volume-state.ts';

/** GET /api/v1/file/md5. */

const CHUNK = LIMITS.chunkBytesDefault;
/** So large, and all holes, that its sum is not there before the test has ended. */
const ENDLESS = { path: '/alice/endless', kind: 'file', size: 2 ** 40 };

let stack: AsyncDisposableStack;
let directory: string;
let alice: HttpClient;
let bob: HttpClient;
/** Milliseconds that pass between two looks at the server's clock. */
let pace = 0;
let nowMs = Date.now();

before(async () => {
  stack = new AsyncDisposableStack();
  const clock = { now: () => (nowMs += pace) };
  const started = stack.use(await startWithUsers(['alice', 'bob'], { clock }));
  ({ directory, alice, bob } = started);
  const limits = await started.admin.send('POST', '/api/v1/admin/quotas', {
    json: { volume: 'alice', quota: { bytes: 2 * ENDLESS.size, entries: 0 } },
  });
  assert.equal(limits.status, 200, limits.text);
});
after(() => stack.disposeAsync());

async function put(path: string, body: Uint8Array): Promise<WriteResult> {
  const answer = await alice.send('POST', '/api/v1/storage/files', {
    query: { path, parents: true },
    body,
  });
  assert(answer.status < 300, answer.text);
  return answer.json as WriteResult;
}

function get(
  path: string,
  { at, ...headers }: { readonly at?: number; readonly 'if-match'?: string } = {},
): Promise<HttpAnswer> {
  const query = at === undefined ? { path } : { path, at };
  return alice.send('GET', '/api/v1/file/md5', { query, headers });
}

function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

for (const size of [0, 1, CHUNK, 3 * CHUNK + 7]) {
  test(`the MD5 of a file of ${size} bytes is that of its content`, async () => {
    const bytes = new Uint8Array(randomBytes(size));
    const { etag } = await put(`/alice/size-${size}`, bytes);
    const answer = await get(`/alice/size-${size}`);
    assert.deepEqual([answer.status, answer.headers['etag']], [200, `"${etag}"`]);
    assert.deepEqual(answer.json, { md5: md5(bytes), size, etag });
  });
}

test('the MD5 of a file covers its holes', async () => {
  const json = { path: '/alice/sparse', kind: 'file', size: 700_000 };
  assert.equal((await alice.send('POST', '/api/v1/files', { json })).status, 201);
  const answer = (await get('/alice/sparse')).json as FileMd5;
  assert.deepEqual([answer.md5, answer.size], [md5(new Uint8Array(700_000)), 700_000]);
});

test('the MD5 is that of the version that the request names', async () => {
  const [first, second] = [new Uint8Array(randomBytes(100)), new Uint8Array(randomBytes(100))];
  const { etag, seq } = await put('/alice/versions', first);
  await put('/alice/versions', second);
  assert.equal(((await get('/alice/versions')).json as FileMd5).md5, md5(second));
  assert.equal(((await get('/alice/versions', { at: seq })).json as FileMd5).md5, md5(first));
  const refused = await get('/alice/versions', { 'if-match': `"${etag}"` });
  assertProblem(refused, { code: 'changed', status: 412 });
  assert.equal((await get('/alice/versions', { at: seq, 'if-match': `"${etag}"` })).status, 200);
});

test('there is no MD5 of what is no file, or not there, or of somebody else', async () => {
  await put('/alice/d/f', new Uint8Array(1));
  assertProblem(await get('/alice/d'), { code: 'is_a_directory', status: 409 });
  assertProblem(await get('/alice/gone'), { code: 'not_found', status: 404 });
  const query = { path: '/alice/d/f' };
  const answer = await bob.send('GET', '/api/v1/file/md5', { query });
  assertProblem(answer, { code: 'forbidden', status: 403 });
});

test('a few MD5s are made at once, one user has not all of them, and a client that goes away ends its own', async () => {
  assert.equal((await alice.send('POST', '/api/v1/files', { json: ENDLESS })).status, 201);
  await put('/alice/small', new Uint8Array(1));
  const clients = Array.from({ length: LIMITS.md5sPerPrincipalMax }, () => alice.another());
  const endless = clients.map(askWithoutEnd);
  const outcomes = Promise.allSettled(endless);
  let answer = await get('/alice/small');
  while (answer.status === 200) answer = await get('/alice/small');
  assertProblem(answer, { code: 'busy', status: 503 });
  assert.equal(answer.headers['retry-after'], '1');
  const others = { query: { path: '/bob/small' } };
  await bob.send('POST', '/api/v1/storage/files', { ...others, body: new Uint8Array(1) });
  assert.equal((await bob.send('GET', '/api/v1/file/md5', others)).status, 200);
  for (const client of clients) await client[Symbol.asyncDispose]();
  for (const { status } of await outcomes) assert.equal(status, 'rejected');
  while (answer.status !== 200) answer = await get('/alice/small');
  assert.equal((answer.json as FileMd5).md5, md5(new Uint8Array(1)));
});

/** Rejects when the client is closed; the small sums may keep it from the start for a moment. */
async function askWithoutEnd(client: HttpClient): Promise<HttpAnswer> {
  const query = { path: ENDLESS.path };
  let answer = await client.send('GET', '/api/v1/file/md5', { query });
  while (answer.code === 'busy') answer = await client.send('GET', '/api/v1/file/md5', { query });
  return answer;
}

test('an MD5 that takes long shows signs of life before it is there', async () => {
  const bytes = new Uint8Array(randomBytes(4 * CHUNK));
  await put('/alice/slow', bytes);
  pace = LIMITS.keepAnswerAliveMs;
  const answer = await get('/alice/slow');
  pace = 0;
  assert.equal(answer.status, 200);
  assert.match(answer.text, /^ +\{"md5":/);
  assert.equal((answer.json as FileMd5).md5, md5(bytes));
});

test('a damaged file has no MD5, also if that is found late', async () => {
  const bytes = new Uint8Array(randomBytes(20 * CHUNK));
  await put('/alice/damaged', bytes);
  await damage(bytes.subarray(19 * CHUNK, 19 * CHUNK + 1000));
  assertProblem(await get('/alice/damaged'), { code: 'corrupt', status: 500 });
  pace = LIMITS.keepAnswerAliveMs;
  const late = await get('/alice/damaged');
  pace = 0;
  assert.deepEqual([late.status, late.code], [200, 'corrupt']);
});

/** Changes a byte of the store's files where `pattern` stands. */
async function damage(pattern: Uint8Array): Promise<void> {
  const folder = join(directory, 'store', 'segments');
  for (const name of await readdir(folder)) {
    const file = await readFile(join(folder, name));
    const index = file.indexOf(pattern);
    if (index < 0) continue;
    file[index] = (file[index] ?? 0) ^ 1;
    await writeFile(join(folder, name), file);
    return;
  }
  assert.fail('the pattern is in the store');
}
