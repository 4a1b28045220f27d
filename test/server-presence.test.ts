import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, test } from 'node:test';
import { concatBytes } from '../src/base/bytes.ts';
import { crc32, formatDigest, sha256 } from '../src/base/digest.ts';
import type { ArrivedPage, Missing, Upload } from '../src/wire/generated/api.ts';
import type { TarEntry, TarReference } from '../src/wire/tar.ts';
import { encodeTar } from '../src/wire/tar-writer.ts';
import { commitOf, digestsOf, type FilePlan, framesOf, planFile } from './support/file-plan.ts';
import type { HttpAnswer, HttpClient } from './support/http-client.ts';
import { startWithUsers } from './support/users.ts';

/** What de-duplication tells of chunks, and to whom. Two principals may use alice's volume. */

const CHUNK = 16 * 1024;
const DIGESTS = 'application/vnd.gdpfs.digests';

let stack: AsyncDisposableStack;
let admin: HttpClient;
let alice: HttpClient;

before(async () => {
  stack = new AsyncDisposableStack();
  ({ admin, alice } = stack.use(await startWithUsers(['alice'])));
});
after(() => stack.disposeAsync());

function newPlan(): FilePlan {
  return planFile(randomBytes(3 * CHUNK), CHUNK);
}

async function open(client: HttpClient, path: string, plan: FilePlan): Promise<string> {
  const json = { path, kind: 'upload', size: plan.bytes.length, chunkSize: CHUNK };
  const answer = await client.send('POST', '/api/v1/files', { json });
  assert(answer.status === 200 || answer.status === 201, answer.text);
  return (answer.json as Upload).upload;
}

async function send(client: HttpClient, upload: string, plan: FilePlan): Promise<void> {
  const request = { query: { upload }, body: framesOf(plan), type: 'application/vnd.gdpfs.chunks' };
  const answer = await client.send('POST', '/api/v1/storage/file/chunks', request);
  assert.equal(answer.status, 200, answer.text);
}

async function missing(
  client: HttpClient,
  query: { upload: string } | { path: string },
  plan: FilePlan,
): Promise<readonly number[]> {
  const request = { query: { ...query }, body: digestsOf(plan.chunks), type: DIGESTS };
  const answer = await client.send('POST', '/api/v1/file/chunks', request);
  assert.equal(answer.status, 200, answer.text);
  return (answer.json as Missing).missing;
}

async function commit(
  client: HttpClient,
  { path, upload }: { readonly path: string; readonly upload: string },
  plan: FilePlan,
): Promise<HttpAnswer> {
  return await client.send('PATCH', '/api/v1/files', commitOf(plan, { path, upload }));
}

async function sendTar(client: HttpClient, entries: readonly TarEntry[]): Promise<HttpAnswer> {
  const body = encodeTar(entries);
  const request = { query: { path: '/alice' }, body, type: 'application/x-tar' };
  return await client.send('POST', '/api/v1/storage/files', request);
}

function referenceTo(path: string, data: Uint8Array): TarReference {
  const digest = sha256(data);
  const checksum = crc32(data);
  return { kind: 'reference', path, mode: 0o644, mtimeUs: 7, size: data.length, checksum, digest };
}

test('what one principal has sent for an upload is missing for another, until a file uses it', async () => {
  const plan = newPlan();
  const mine = { path: '/alice/mine', upload: await open(alice, '/alice/mine', plan) };
  const theirs = { path: '/alice/theirs', upload: await open(admin, '/alice/theirs', plan) };
  await send(alice, mine.upload, plan);
  assert.deepEqual(await missing(alice, { upload: mine.upload }, plan), []);
  assert.deepEqual(await missing(admin, { upload: theirs.upload }, plan), [0, 1, 2]);
  assert.deepEqual(await missing(admin, { path: '/alice' }, plan), [0, 1, 2]);
  const refused = await commit(admin, theirs, plan);
  assert.equal(refused.code, 'chunk_missing');
  assert.equal((await commit(alice, mine, plan)).status, 200);
  assert.deepEqual(await missing(admin, { upload: theirs.upload }, plan), []);
  assert.deepEqual(await missing(admin, { path: '/alice' }, plan), []);
});

test('a chunk that another principal sends too is stored once, and both may commit it', async () => {
  const plan = newPlan();
  const first = { path: '/alice/first', upload: await open(alice, '/alice/first', plan) };
  const second = { path: '/alice/second', upload: await open(admin, '/alice/second', plan) };
  await send(alice, first.upload, plan);
  await send(admin, second.upload, plan);
  // A file log of its own, with the same chunks.
  const another = planFile(plan.bytes, CHUNK);
  assert.equal((await commit(admin, second, another)).status, 200);
  assert.equal((await commit(alice, first, plan)).status, 200);
});

test('what was answered present belongs to the upload from then on', async () => {
  const plan = newPlan();
  const first = { path: '/alice/pin-1', upload: await open(alice, '/alice/pin-1', plan) };
  await send(alice, first.upload, plan);
  assert.equal((await commit(alice, first, plan)).status, 200);
  const upload = await open(admin, '/alice/pin-2', plan);
  assert.deepEqual(await missing(admin, { upload }, plan), []);
  const answer = await admin.send('GET', '/api/v1/file/chunks', { query: { upload } });
  const digests = plan.chunks.map(({ digest }) => formatDigest(digest)).sort();
  assert.deepEqual((answer.json as ArrivedPage).digests, digests);
});

test('the question which chunks are missing names an upload or a path, not both, not neither', async () => {
  const plan = newPlan();
  const upload = await open(alice, '/alice/both', plan);
  for (const query of [{}, { upload, path: '/alice' }]) {
    const request = { query: query as Record<string, string>, body: digestsOf(plan.chunks) };
    const answer = await alice.send('POST', '/api/v1/file/chunks', { ...request, type: DIGESTS });
    assert.equal(answer.code, 'bad_request');
  }
});

test('a tar entry that refers to a chunk makes the file without its bytes', async () => {
  const data = new Uint8Array(randomBytes(5000));
  const file = { path: 'ref/a', mode: 0o600, mtimeUs: 1, data, digest: sha256(data) };
  assert.equal((await sendTar(alice, [{ kind: 'file', ...file }])).status, 201);
  assert.equal((await sendTar(alice, [referenceTo('ref/b', data)])).status, 201);
  const read = await alice.send('GET', '/api/v1/storage/files', {
    query: { path: '/alice/ref/b' },
  });
  assert.deepEqual(read.bytes, data);
  const stats = await Promise.all(
    ['a', 'b'].map((name) =>
      alice.send('GET', '/api/v1/files', { query: { path: `/alice/ref/${name}` } }),
    ),
  );
  const [a, b] = stats.map(({ json }) => json as { etag: string });
  assert.equal(b?.etag, a?.etag);
});

test('a reference to a chunk that is not there, or not known to the sender, is refused with its digest', async () => {
  const known = new Uint8Array(randomBytes(100));
  const unknown = new Uint8Array(randomBytes(100));
  const others = newPlan();
  const upload = await open(admin, '/alice/others', others);
  await send(admin, upload, others);
  const [chunk] = others.chunks;
  assert(chunk !== undefined);
  const theirs = referenceTo('refused/theirs', others.bytes.slice(0, chunk.length));
  const file = { path: 'refused/known', mode: 0o600, mtimeUs: 1, data: known };
  for (const reference of [referenceTo('refused/unknown', unknown), theirs]) {
    const answer = await sendTar(alice, [{ kind: 'file', ...file }, reference]);
    assert.equal(answer.code, 'chunk_missing', answer.text);
    const { missing: named } = answer.json as { missing: string[] };
    assert.deepEqual(named, [formatDigest(reference.digest)]);
  }
  const nothing = await alice.send('GET', '/api/v1/files', { query: { path: '/alice/refused' } });
  assert.equal(nothing.status, 404);
});

test('a reference whose size is not the chunk\u2019s is refused', async () => {
  const data = new Uint8Array(randomBytes(200));
  const file = { path: 'sized/a', mode: 0o600, mtimeUs: 1, data };
  assert.equal((await sendTar(alice, [{ kind: 'file', ...file }])).status, 201);
  const wrong = { ...referenceTo('sized/b', data), size: 100 };
  assert.equal((await sendTar(alice, [wrong])).code, 'chunk_missing');
});

test('malformed references are refused', async () => {
  const data = new Uint8Array(randomBytes(200));
  const good = referenceTo('bad', data);
  for (const bad of [
    { ...good, size: 0 },
    { ...good, size: 300 * 1024 },
    { ...good, size: -1 },
    { ...good, checksum: 2 ** 32 },
  ]) {
    assert.equal((await sendTar(alice, [bad])).code, 'bad_request', JSON.stringify(bad));
  }
  const body = concatBytes([encodeTar([good])]);
  const text = Buffer.from(body).toString('latin1').replace('GDPFS.sha256', 'GDPFS.nothin');
  const request = { query: { path: '/alice' }, body: Buffer.from(text, 'latin1') };
  const answer = await alice.send('POST', '/api/v1/storage/files', {
    ...request,
    type: 'application/x-tar',
  });
  assert.equal(answer.code, 'bad_request');
});
