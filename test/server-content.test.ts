import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { concatBytes } from '../src/base/bytes.ts';
import { LIMITS } from '../src/base/limits.ts';
import type { Entry, WriteResult } from '../src/wire/generated/api.ts';
import type { HttpAnswer, HttpClient } from './support/http-client.ts';
import type { TestServer } from './support/server.ts';
import { startWithUsers } from './support/users.ts';
import { assertProblem, assertRefused, volumeState } from './support/volume-state.ts';

const STORAGE = '/api/v1/storage/files';
const CHUNK = LIMITS.chunkBytesDefault;

let stack: AsyncDisposableStack;
let server: TestServer;
let alice: HttpClient;
const content = new Uint8Array(randomBytes(2 * CHUNK + 100));

before(async () => {
  stack = new AsyncDisposableStack();
  ({ server, alice } = stack.use(await startWithUsers(['alice'])));
  await put('/alice/f', content);
});
after(() => stack.disposeAsync());

async function put(path: string, body: Uint8Array): Promise<WriteResult> {
  const answer = await alice.send('POST', STORAGE, { query: { path }, body });
  assert.equal(answer.status, 201, answer.text);
  return answer.json as WriteResult;
}

function get(path: string, headers: Record<string, string> = {}): Promise<HttpAnswer> {
  return alice.send('GET', STORAGE, { query: { path }, headers });
}

async function stat(path: string): Promise<Entry> {
  return (await alice.send('GET', '/api/v1/files', { query: { path } })).json as Entry;
}

// Whole files

for (const size of [0, 1, CHUNK, CHUNK + 1, 3 * 1024 * 1024]) {
  test(`a whole file of ${size} bytes comes back, with its ETag`, async () => {
    const bytes = new Uint8Array(randomBytes(size));
    const path = `/alice/whole-${size}`;
    const { etag } = await put(path, bytes);
    const answer = await get(path);
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['etag'], `"${etag}"`);
    assert.equal(answer.headers['content-length'], String(size));
    assert.deepEqual(answer.bytes, bytes);
    assert.equal((await stat(path)).size, size);
  });
}

test('a whole file may come without its length, with attributes and parents', async () => {
  async function* body(): AsyncGenerator<Uint8Array> {
    for (let start = 0; start < content.length; start += 10_000) {
      yield content.subarray(start, start + 10_000);
    }
  }
  const query = {
    path: '/alice/p/q/f',
    parents: true,
    mode: 0o600,
    mtimeUs: 1_700_000_000_123_456,
  };
  const answer = await alice.send('POST', STORAGE, { query, body: body() });
  assert.equal(answer.status, 201, answer.text);
  assert.deepEqual((await get('/alice/p/q/f')).bytes, content);
  const entry = await stat('/alice/p/q/f');
  assert.equal(entry.mode, 0o600);
  assert.equal(entry.mtimeUs, 1_700_000_000_123_456);
});

test('a repeated whole file with the same key has one effect; other bytes are refused', async () => {
  const headers = { 'idempotency-key': 'whole-1', 'if-none-match': '*' };
  const request = { query: { path: '/alice/r' }, headers };
  const first = await alice.send('POST', STORAGE, { ...request, body: content });
  const second = await alice.send('POST', STORAGE, { ...request, body: content });
  assert.equal(second.text, first.text);
  await assertRefused(alice, { volume: 'alice', code: 'request_reused', status: 422 }, () =>
    alice.send('POST', STORAGE, { ...request, body: content.slice(1) }),
  );
});

test('a whole file that the client stops sending changes nothing', async () => {
  const before = await volumeState(alice, 'alice');
  async function* body(): AsyncGenerator<Uint8Array> {
    yield content;
    throw new Error('gone');
  }
  await using client = alice.another();
  const query = { path: '/alice/gone' };
  await assert.rejects(client.send('POST', STORAGE, { query, body: body() }));
  assert.deepEqual(await volumeState(alice, 'alice'), before);
});

// Ranges

const size = content.length;
const ranges: readonly [range: string, start: number, end: number][] = [
  ['bytes=0-0', 0, 1],
  ['bytes=100-199', 100, 200],
  [`bytes=${CHUNK - 1}-${CHUNK}`, CHUNK - 1, CHUNK + 1],
  [`bytes=${CHUNK}-${2 * CHUNK - 1}`, CHUNK, 2 * CHUNK],
  [`bytes=${CHUNK + 5}-`, CHUNK + 5, size],
  ['bytes=-1', size - 1, size],
  [`bytes=-${2 * size}`, 0, size],
  [`bytes=5-${2 * size}`, 5, size],
];
for (const [range, start, end] of ranges) {
  test(`a read of "${range}" answers 206 with these bytes`, async () => {
    const answer = await get('/alice/f', { range });
    assert.equal(answer.status, 206);
    assert.equal(answer.headers['content-range'], `bytes ${start}-${end - 1}/${size}`);
    assert.deepEqual(answer.bytes, content.slice(start, end));
  });
}

for (const range of [`bytes=${size}-`, `bytes=${size + 5}-${size + 6}`, 'bytes=-0']) {
  test(`a read of "${range}" is not satisfiable`, async () => {
    const answer = await get('/alice/f', { range });
    assertProblem(answer, { code: 'bad_range', status: 416 });
    assert.equal(answer.headers['content-range'], `bytes */${size}`);
  });
}

for (const range of ['bytes=0-1,5-6', 'bytes=5-2', 'bytes=x', 'lines=1-2']) {
  test(`a read of "${range}" gets the whole file`, async () => {
    const answer = await get('/alice/f', { range });
    assert.equal(answer.status, 200);
    assert.deepEqual(answer.bytes, content);
  });
}

test('a range of an empty file is not satisfiable', async () => {
  await put('/alice/empty', new Uint8Array(0));
  const answer = await get('/alice/empty', { range: 'bytes=0-' });
  assertProblem(answer, { code: 'bad_range', status: 416 });
  assert.equal(answer.headers['content-range'], 'bytes */0');
});

test('If-Range, If-Match and If-None-Match decide what comes', async () => {
  const { etag = '' } = await stat('/alice/f');
  const other = `"sha256:${'0'.repeat(64)}"`;
  const range = 'bytes=0-9';
  assert.equal((await get('/alice/f', { range, 'if-range': `"${etag}"` })).status, 206);
  assert.equal((await get('/alice/f', { range, 'if-range': other })).status, 200);
  assert.equal((await get('/alice/f', { 'if-match': `${other}, "${etag}"` })).status, 200);
  const changed = await get('/alice/f', { 'if-match': other });
  assertProblem(changed, { code: 'changed', status: 412 });
  const current = await get('/alice/f', { 'if-none-match': `"${etag}"` });
  assert.equal(current.status, 304);
  assert.equal(current.bytes.length, 0);
  const entry = await alice.send('GET', '/api/v1/files', {
    query: { path: '/alice/f' },
    headers: { 'if-none-match': `"${etag}"` },
  });
  assert.equal(entry.status, 304);
});

test('HEAD answers as GET, without the bytes', async () => {
  const whole = await alice.send('HEAD', STORAGE, { query: { path: '/alice/f' } });
  assert.equal(whole.status, 200);
  assert.equal(whole.headers['content-length'], String(size));
  assert.equal(whole.headers['accept-ranges'], 'bytes');
  assert.equal(whole.bytes.length, 0);
  const range = await alice.send('HEAD', STORAGE, {
    query: { path: '/alice/f' },
    headers: { range: 'bytes=0-9' },
  });
  assert.equal(range.status, 206);
  assert.equal(range.headers['content-length'], '10');
  const missing = await alice.send('HEAD', STORAGE, { query: { path: '/alice/none' } });
  assert.equal(missing.status, 404);
  assert.equal(missing.bytes.length, 0);
});

test('holes read as zeros', async () => {
  await alice.send('POST', '/api/v1/files', {
    json: { path: '/alice/sparse', kind: 'file', size: 700_000 },
  });
  const whole = await get('/alice/sparse');
  assert.deepEqual(whole.bytes, new Uint8Array(700_000));
  const part = await get('/alice/sparse', { range: 'bytes=699990-' });
  assert.deepEqual(part.bytes, new Uint8Array(10));
});

test('a truncated file ends inside a chunk, or in a hole', async () => {
  await put('/alice/t', content);
  const truncate = (to: number) =>
    alice.send('PATCH', '/api/v1/files', {
      query: { path: '/alice/t' },
      json: { op: 'truncate', size: to },
    });
  assert.equal((await truncate(CHUNK + 7)).status, 200);
  assert.deepEqual((await get('/alice/t')).bytes, content.slice(0, CHUNK + 7));
  assert.equal((await truncate(CHUNK + 10)).status, 200);
  const expected = concatBytes([content.slice(0, CHUNK + 7), new Uint8Array(3)]);
  assert.deepEqual((await get('/alice/t')).bytes, expected);
});

test('the past can be read: content, listing and entry at a seq', async () => {
  const { seq } = await put('/alice/h', content.slice(0, 10));
  await put('/alice/h', content.slice(0, 20));
  await alice.send('DELETE', '/api/v1/files', { query: { path: '/alice/h' } });
  assert.equal((await get('/alice/h')).status, 404);
  const query = { path: '/alice/h', at: seq };
  const old = await alice.send('GET', STORAGE, { query });
  assert.deepEqual(old.bytes, content.slice(0, 10));
  assert.equal((await alice.send('GET', '/api/v1/files', { query })).status, 200);
  await alice.send('PATCH', '/api/v1/files', {
    query: { path: '/alice/h' },
    json: { op: 'restore', at: String(seq) },
  });
  assert.deepEqual((await get('/alice/h')).bytes, content.slice(0, 10));
});

// Damage

test('a damaged chunk is never sent: an error before the first byte, a cut connection later', async () => {
  const bytes = new Uint8Array(randomBytes(20 * CHUNK));
  await put('/alice/damaged', bytes);
  await flipInStore(server.dataDirectory, bytes.subarray(18 * CHUNK, 18 * CHUNK + 64));
  const range = `bytes=${18 * CHUNK}-`;
  const answer = await get('/alice/damaged', { range });
  assertProblem(answer, { code: 'corrupt', status: 500 });
  const good = await get('/alice/damaged', { range: `bytes=0-${18 * CHUNK - 1}` });
  assert.deepEqual(good.bytes, bytes.slice(0, 18 * CHUNK));
  await using client = alice.another();
  await assert.rejects(client.send('GET', STORAGE, { query: { path: '/alice/damaged' } }));
});

/** Changes one bit where `bytes` lie in a segment. */
async function flipInStore(dataDirectory: string, bytes: Uint8Array): Promise<void> {
  const folder = join(dataDirectory, 'store');
  let flips = 0;
  for (const name of await readdir(folder, { recursive: true })) {
    if (!name.includes('seg')) continue;
    const path = join(folder, name);
    const segment = await readFile(path).catch(() => Buffer.alloc(0));
    const at = segment.indexOf(bytes);
    if (at === -1) continue;
    segment[at] = (segment[at] ?? 0) ^ 1;
    await writeFile(path, segment, { flag: 'r+' });
    flips += 1;
  }
  assert.equal(flips, 1);
}
