import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, beforeEach, test } from 'node:test';
import { concatBytes } from '../src/base/bytes.ts';
import { crc32, formatDigest } from '../src/base/digest.ts';
import { encodeChunkHeader } from '../src/format/chunk-frame.ts';
import type {
  ArrivedPage,
  ChangeResult,
  ChunkPage,
  ChunksReceived,
  Entry,
  Missing,
  Upload,
} from '../src/wire/generated/api.ts';
import { BAD_COMMITS, BAD_FRAMES, CHUNK } from './support/bad-uploads.ts';
import {
  commitOf,
  digestsOf,
  type FilePlan,
  framesOf,
  planAppend,
  planFile,
} from './support/file-plan.ts';
import type { HttpAnswer, HttpClient } from './support/http-client.ts';
import { startWithUsers } from './support/users.ts';
import { assertRefused } from './support/volume-state.ts';

const KIB = 1024;
const CHUNKS = 'application/vnd.gdpfs.chunks';

let stack: AsyncDisposableStack;
let alice: HttpClient;
let filesMade = 0;
let path = '';

before(async () => {
  stack = new AsyncDisposableStack();
  ({ alice } = stack.use(await startWithUsers(['alice'])));
});
after(() => stack.disposeAsync());
beforeEach(() => {
  filesMade += 1;
  path = `/alice/file-${filesMade}`;
});

async function open(size: number, chunkSize = CHUNK): Promise<Upload> {
  const json = { path, kind: 'upload', size, chunkSize };
  const answer = await alice.send('POST', '/api/v1/files', { json });
  assert.equal(answer.status, 201, answer.text);
  return answer.json as Upload;
}

function send(upload: string, body: Uint8Array, query: object = {}): Promise<HttpAnswer> {
  const request = { query: { upload, ...query }, body, type: CHUNKS };
  return alice.send('POST', '/api/v1/storage/file/chunks', request);
}

function commit(plan: FilePlan, upload: string, key?: string): Promise<HttpAnswer> {
  const headers = key === undefined ? {} : { 'idempotency-key': key };
  return alice.send('PATCH', '/api/v1/files', { ...commitOf(plan, { path, upload }), headers });
}

async function read(): Promise<HttpAnswer> {
  return await alice.send('GET', '/api/v1/storage/files', { query: { path } });
}

/** A whole upload. */
async function put(plan: FilePlan): Promise<void> {
  const { upload } = await open(plan.bytes.length);
  const sent = await send(upload, framesOf(plan));
  assert.equal(sent.status, 200, sent.text);
  const committed = await commit(plan, upload);
  assert.equal(committed.status, 200, committed.text);
}

for (const size of [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 5 * CHUNK + 7]) {
  test(`an upload of ${size} bytes is what is read afterwards`, async () => {
    const plan = planFile(randomBytes(size), CHUNK);
    const { upload } = await open(size);
    const sent = await send(upload, framesOf(plan));
    assert.deepEqual(sent.json, { received: plan.chunks.length, bytes: size });
    assert.equal((await read()).status, 404, 'nothing is seen before the commit');
    const committed = await commit(plan, upload);
    assert.equal(committed.status, 200, committed.text);
    assert.equal((committed.json as ChangeResult).count, 1);
    const answer = await read();
    assert.deepEqual(answer.bytes, new Uint8Array(plan.bytes));
    assert.equal(answer.headers['etag'], `"${plan.content}"`);
    const entry = (await alice.send('GET', '/api/v1/files', { query: { path } })).json as Entry;
    assert.equal(entry.etag, plan.content);
    assert.equal(entry.root, plan.root);
    assert.equal(entry.size, size);
  });
}

test('an upload without a size takes what comes; the commit says how much it was', async () => {
  const json = { path, kind: 'upload', chunkSize: CHUNK };
  const opened = await alice.send('POST', '/api/v1/files', { json });
  assert.equal(opened.status, 201, opened.text);
  const { upload, size } = opened.json as Upload;
  assert.equal(size, undefined);
  const other = await alice.send('POST', '/api/v1/files', { json });
  assert.equal(other.status, 201, 'another writer of the path has an upload of its own');
  assert.notEqual((other.json as Upload).upload, upload);
  const plan = planFile(randomBytes(3 * CHUNK + 5), CHUNK);
  const sent = await send(upload, framesOf(plan));
  assert.equal(sent.status, 200, sent.text);
  const committed = await commit(plan, upload);
  assert.equal(committed.status, 200, committed.text);
  assert.deepEqual((await read()).bytes, new Uint8Array(plan.bytes));
});

test('the seq of a manifest reads that version after the path has another', async () => {
  const old = planFile(randomBytes(2 * CHUNK), CHUNK);
  await put(old);
  const type = 'application/vnd.gdpfs.manifest';
  const headers = { accept: type };
  const manifest = await alice.send('GET', '/api/v1/file/chunks', { query: { path }, headers });
  const at = String(manifest.headers['gdpfs-seq']);
  await put(planFile(randomBytes(CHUNK), CHUNK));
  const query = { path, at, ranges: `0:${2 * CHUNK}` };
  const frames = await alice.send('GET', '/api/v1/storage/file/chunks', { query });
  assert.deepEqual(frames.bytes, new Uint8Array(framesOf(old)));
  const removed = await alice.send('DELETE', '/api/v1/files', { query: { path } });
  assert.equal(removed.status, 200, removed.text);
  const again = await alice.send('GET', '/api/v1/storage/file/chunks', { query });
  assert.equal(again.status, 200, again.text);
});

test('the seq of a manifest has the path as it was asked for, whenever its directory got its name', async () => {
  const plan = planFile(randomBytes(CHUNK), CHUNK);
  const [folder, renamed] = [`${path}-before`, `${path}-after`];
  path = `${folder}/file`;
  await alice.send('POST', '/api/v1/files', { json: { path: folder, kind: 'directory' } });
  await put(plan);
  const json = { op: 'rename', to: renamed };
  const moved = await alice.send('PATCH', '/api/v1/files', { query: { path: folder }, json });
  assert.equal(moved.status, 200, moved.text);
  const query = { path: `${renamed}/file` };
  const manifest = await alice.send('GET', '/api/v1/file/chunks', { query });
  const at = String(manifest.headers['gdpfs-seq']);
  const ranges = `0:${CHUNK}`;
  const frames = await alice.send('GET', '/api/v1/storage/file/chunks', {
    query: { ...query, at, ranges },
  });
  assert.equal(frames.status, 200, frames.text);
  assert.deepEqual(frames.bytes, new Uint8Array(framesOf(plan)));
});

test('frames may arrive in several requests in any order, at the same time', async () => {
  const plan = planFile(randomBytes(8 * CHUNK), CHUNK);
  const { upload } = await open(plan.bytes.length);
  const parts = [plan.chunks.slice(5), plan.chunks.slice(0, 2), plan.chunks.slice(2, 5)];
  await using second = alice.another();
  await using third = alice.another();
  const answers = await Promise.all(
    [alice, second, third].map((client, index) =>
      client.send('POST', '/api/v1/storage/file/chunks', {
        query: { upload },
        body: framesOf(plan, parts[index]),
        type: CHUNKS,
      }),
    ),
  );
  for (const answer of answers) assert.equal(answer.status, 200, answer.text);
  await commit(plan, upload);
  assert.deepEqual((await read()).bytes, new Uint8Array(plan.bytes));
});

test('an unfinished upload is found again, with what has arrived', async () => {
  const plan = planFile(randomBytes(4 * CHUNK), CHUNK);
  const { upload } = await open(plan.bytes.length);
  await send(upload, framesOf(plan, plan.chunks.slice(0, 2)));
  const json = { path, kind: 'upload', size: plan.bytes.length, chunkSize: CHUNK };
  const again = await alice.send('POST', '/api/v1/files', { json });
  assert.equal(again.status, 200);
  const { size } = json;
  const chunking = { mode: 'fixed', chunkSize: CHUNK };
  const flags = { empty: false, exists: false, unsummed: true };
  assert.deepEqual(again.json, { upload, path, size, chunking, ...flags });
  const lacks = await alice.send('POST', '/api/v1/file/chunks', {
    query: { upload },
    body: digestsOf(plan.chunks),
    type: 'application/vnd.gdpfs.digests',
  });
  assert.deepEqual((lacks.json as Missing).missing, [2, 3]);
  const arrived = await alice.send('GET', '/api/v1/file/chunks', { query: { upload, limit: 1 } });
  const { digests, cursor = '' } = arrived.json as ArrivedPage;
  const rest = await alice.send('GET', '/api/v1/file/chunks', { query: { upload, cursor } });
  assert.deepEqual(
    [...digests, ...(rest.json as ArrivedPage).digests].sort(),
    plan.chunks
      .slice(0, 2)
      .map(({ digest }) => formatDigest(digest))
      .sort(),
  );
});

test('frames without checksums are answered with them; what is damaged on the way is not committed', async () => {
  const plan = planFile(randomBytes(3 * CHUNK + 5), CHUNK);
  const { upload, unsummed } = await open(plan.bytes.length);
  assert.equal(unsummed, true);
  const frames = plan.chunks.flatMap(({ offset, length }) => [
    encodeChunkHeader({ offset, length, checksum: 0 }),
    plan.bytes.subarray(offset, offset + length),
  ]);
  const body = concatBytes(frames);
  const refused = await send(upload, body);
  assert.deepEqual([refused.status, refused.code], [422, 'bad_chunk']);
  const damaged = body.slice();
  damaged[CHUNK] = (damaged[CHUNK] ?? 0) ^ 1;
  assert.equal((await send(upload, damaged, { unsummed: true })).status, 200);
  const early = await commit(plan, upload);
  assert.deepEqual([early.status, early.code], [409, 'chunk_missing']);
  const sent = await send(upload, body, { unsummed: true });
  const checksums = plan.chunks.map(({ offset, length }) =>
    crc32(plan.bytes.subarray(offset, offset + length)),
  );
  const expected: ChunksReceived = { received: 4, bytes: plan.bytes.length, checksums };
  assert.deepEqual(sent.json, expected);
  assert.equal((await commit(plan, upload)).status, 200);
  assert.deepEqual((await read()).bytes, new Uint8Array(plan.bytes));
});

test('the chunk list comes in pages, as JSON and as binary entries', async () => {
  const plan = planFile(randomBytes(5 * CHUNK), CHUNK);
  await put(plan);
  const query = { path, limit: 3 };
  const first = await alice.send('GET', '/api/v1/file/chunks', { query });
  const page = first.json as ChunkPage;
  assert.equal(page.size, plan.bytes.length);
  assert.equal(page.etag, plan.content);
  assert.equal(page.chunks.length, 3);
  const { cursor = '' } = page;
  const binary = await alice.send('GET', '/api/v1/file/chunks', {
    query: { ...query, cursor },
    headers: { accept: 'application/vnd.gdpfs.manifest', 'if-match': `"${page.etag}"` },
  });
  assert.equal(binary.headers['content-type'], 'application/vnd.gdpfs.manifest');
  assert.equal(binary.headers['gdpfs-size'], String(plan.bytes.length));
  assert.equal(binary.headers['gdpfs-cursor'], undefined);
  assert.equal(binary.bytes.length, 2 * 48);
  assert.deepEqual(binary.bytes.slice(16, 48), plan.chunks[3]?.digest);
});

test('the bytes of a file of one chunk come behind its entry, as many as are asked for', async () => {
  const headers = { accept: 'application/vnd.gdpfs.manifest' };
  const read = (inline: string, query = {}): Promise<HttpAnswer> =>
    alice.send('GET', '/api/v1/file/chunks', {
      query: { path, ...query },
      headers: { ...headers, 'gdpfs-inline': inline },
    });
  const plan = planFile(randomBytes(CHUNK), CHUNK);
  await put(plan);
  const whole = await read(String(CHUNK));
  assert.equal(whole.headers['gdpfs-inline'], String(CHUNK));
  assert.deepEqual(whole.bytes.slice(16, 48), plan.chunks[0]?.digest);
  assert.deepEqual(whole.bytes.slice(48), new Uint8Array(plan.bytes));
  for (const [inline, query] of [
    [String(CHUNK - 1), {}],
    ['0', {}],
    [String(CHUNK), { cursor: '1' }],
  ] as const) {
    const entries = await read(inline, query);
    assert.equal(entries.headers['gdpfs-inline'], '0');
    assert.equal(entries.bytes.length, 'cursor' in query ? 0 : 48);
  }
  const unasked = await alice.send('GET', '/api/v1/file/chunks', { query: { path }, headers });
  assert.equal(unasked.bytes.length, 48);
  const odd = await read('many');
  assert.deepEqual([odd.status, odd.code], [400, 'bad_request']);
  await put(planFile(randomBytes(CHUNK + 1), CHUNK));
  const two = await read(String(4 * CHUNK));
  assert.deepEqual([two.headers['gdpfs-inline'], two.bytes.length], ['0', 2 * 48]);
});

test('frames of ranges are the whole chunks that overlap them, each once', async () => {
  const plan = planFile(randomBytes(5 * CHUNK + 10), CHUNK);
  await put(plan);
  const ranges = `0:1,${CHUNK - 1}:2,${5 * CHUNK}:1`;
  const answer = await alice.send('GET', '/api/v1/storage/file/chunks', {
    query: { path, ranges },
  });
  const wanted = [0, 1, 5].flatMap((index) => plan.chunks[index] ?? []);
  assert.deepEqual(answer.bytes, framesOf(plan, wanted));
});

test('an append continues the content that it names, once', async () => {
  const plan = planFile(randomBytes(2 * CHUNK), CHUNK);
  await put(plan);
  const longer = planAppend(plan, randomBytes(CHUNK + 5), CHUNK);
  const json = { path, kind: 'append', content: plan.content, size: longer.bytes.length };
  const opened = await alice.send('POST', '/api/v1/files', { json });
  assert.equal(opened.status, 201, opened.text);
  const { upload } = opened.json as Upload;
  await send(upload, framesOf(longer, longer.chunks.slice(2)));
  const first = await commit(longer, upload, 'append-1');
  assert.equal(first.status, 200, first.text);
  assert.deepEqual((await read()).bytes, new Uint8Array(longer.bytes));
  const repeated = await commit(longer, upload, 'append-1');
  assert.equal(repeated.text, first.text);
  await assertRefused(alice, { volume: 'alice', code: 'changed', status: 412 }, () =>
    alice.send('POST', '/api/v1/files', { json }),
  );
});

test('who appends need not know the root of the log, who writes a new one must', async () => {
  const commitRootless = async (plan: FilePlan, upload: string): Promise<HttpAnswer> => {
    const { query, ...rest } = commitOf(plan, { path, upload });
    const { root: _, ...known } = query;
    return await alice.send('PATCH', '/api/v1/files', { query: known, ...rest });
  };
  const plan = planFile(randomBytes(2 * CHUNK), CHUNK);
  const opened = await open(plan.bytes.length);
  await send(opened.upload, framesOf(plan));
  const expected = { volume: 'alice', code: 'bad_request', status: 400 };
  await assertRefused(alice, expected, () => commitRootless(plan, opened.upload));
  await commit(plan, opened.upload);
  const longer = planAppend(plan, randomBytes(CHUNK), CHUNK);
  const json = { path, kind: 'append', content: plan.content, size: longer.bytes.length };
  const { upload } = (await alice.send('POST', '/api/v1/files', { json })).json as Upload;
  await send(upload, framesOf(longer, longer.chunks.slice(2)));
  const answer = await commitRootless(longer, upload);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual((await read()).bytes, new Uint8Array(longer.bytes));
});

test('a repeated commit gets the first answer; the same key with another body is refused', async () => {
  const plan = planFile(randomBytes(3 * CHUNK), CHUNK);
  const { upload } = await open(plan.bytes.length);
  await send(upload, framesOf(plan));
  const first = await commit(plan, upload, 'commit-1');
  assert.equal(first.status, 200, first.text);
  const expected = { volume: 'alice', code: 'request_reused', status: 422 };
  await assertRefused(alice, expected, () =>
    commit(planFile(plan.bytes, CHUNK), upload, 'commit-1'),
  );
  assert.equal((await commit(plan, upload, 'commit-1')).text, first.text);
});

test('a chunk that the volume has need not be sent again', async () => {
  const plan = planFile(randomBytes(2 * CHUNK), CHUNK);
  await put(plan);
  path = `${path}-copy`;
  const { upload, empty } = await open(plan.bytes.length);
  assert.equal(empty, false);
  const answer = await commit(planFile(plan.bytes, CHUNK), upload);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual((await read()).bytes, new Uint8Array(plan.bytes));
});

for (const { what, code, status, body } of BAD_FRAMES) {
  test(`${what} is refused with ${code}, and the upload can go on`, async () => {
    const plan = planFile(randomBytes(2 * CHUNK), CHUNK);
    const { upload } = await open(plan.bytes.length);
    const refused = await assertRefused(alice, { volume: 'alice', code, status }, () =>
      send(upload, body(plan)),
    );
    if (code === 'bad_chunk') {
      assert.equal((refused.json as { offset?: number }).offset, CHUNK, 'names the chunk');
    }
    assert.equal((await send(upload, framesOf(plan))).status, 200);
    assert.equal((await commit(plan, upload)).status, 200);
    assert.deepEqual((await read()).bytes, new Uint8Array(plan.bytes));
  });
}

for (const { what, code, status, change } of BAD_COMMITS) {
  test(`a commit with ${what} is refused with ${code}, and the right one still works`, async () => {
    const plan = planFile(randomBytes(2 * CHUNK), CHUNK);
    const { upload } = await open(plan.bytes.length);
    await send(upload, framesOf(plan));
    const good = commitOf(plan, { path, upload });
    await assertRefused(alice, { volume: 'alice', code, status }, () =>
      alice.send('PATCH', '/api/v1/files', { ...good, ...change(good, plan) }),
    );
    assert.equal((await commit(plan, upload)).status, 200);
  });
}

test('a commit with chunks that are not there names them', async () => {
  const plan = planFile(randomBytes(3 * CHUNK), CHUNK);
  const { upload } = await open(plan.bytes.length);
  await send(upload, framesOf(plan, plan.chunks.slice(1, 2)));
  const expected = { volume: 'alice', code: 'chunk_missing', status: 409 };
  const refused = await assertRefused(alice, expected, () => commit(plan, upload));
  const { missing } = refused.json as { missing: string[] };
  const wanted = [plan.chunks[0], plan.chunks[2]].flatMap((chunk) => chunk?.digest ?? []);
  assert.deepEqual(missing, wanted.map(formatDigest));
});

test('a commit over a file keeps to If-Match and If-None-Match', async () => {
  const old = planFile(randomBytes(10), CHUNK);
  await put(old);
  const plan = planFile(randomBytes(CHUNK), CHUNK);
  const { upload } = await open(plan.bytes.length);
  await send(upload, framesOf(plan));
  const good = commitOf(plan, { path, upload });
  const attempt = (headers: Record<string, string>) =>
    alice.send('PATCH', '/api/v1/files', { ...good, headers });
  await assertRefused(alice, { volume: 'alice', code: 'exists', status: 409 }, () =>
    attempt({ 'if-none-match': '*' }),
  );
  await assertRefused(alice, { volume: 'alice', code: 'changed', status: 412 }, () =>
    attempt({ 'if-match': `"${plan.content}"` }),
  );
  assert.equal((await attempt({ 'if-match': `"${old.content}"` })).status, 200);
});

test('a new upload at a path inherits the chunk size of the content there', async () => {
  await put(planFile(randomBytes(3 * CHUNK), CHUNK));
  const json = { path, kind: 'upload', size: 2 ** 30 };
  const answer = await alice.send('POST', '/api/v1/files', { json });
  assert.deepEqual((answer.json as Upload).chunking, { mode: 'fixed', chunkSize: CHUNK });
});

test('a new upload does not inherit the short chunks of a writer that flushed often', async () => {
  await put(planFile(randomBytes(3000), 1000));
  const json = { path, kind: 'upload', size: 2 ** 30 };
  const answer = await alice.send('POST', '/api/v1/files', { json });
  assert.deepEqual((answer.json as Upload).chunking, { mode: 'fixed', chunkSize: 1024 * KIB });
});
