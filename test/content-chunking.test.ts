/** Volumes whose files are cut by content, end to end. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../src/base/limits.ts';
import { sha256 } from '../src/base/digest.ts';
import { stat } from '../src/client/files.ts';
import { fetchManifest } from '../src/client/manifest.ts';
import { readFile } from '../src/client/read.ts';
import { uploadFile, type UploadResult } from '../src/client/upload.ts';
import { openUpload } from '../src/client/uploads.ts';
import { createVolume } from '../src/client/volumes.ts';
import { encodeTar } from '../src/wire/tar-writer.ts';
import { HttpClient } from './support/http-client.ts';
import { addUser } from './support/server.ts';
import { startTestClient, type TestClient } from './support/session.ts';

const MIB = 1024 * 1024;
const FILES = '/api/v1/storage/files';

let client: TestClient;
let http: HttpClient;

before(async () => {
  client = await startTestClient();
  http = new HttpClient(client.identity);
  for (const name of ['cut', 'other']) {
    await createVolume(client.session, { name, chunking: 'cdc' });
  }
});

after(async () => {
  await http[Symbol.asyncDispose]();
  await client[Symbol.asyncDispose]();
});

/** Uploads `data` from a file of its own. */
async function upload(name: string, data: Uint8Array, volume = 'cut'): Promise<UploadResult> {
  const source = join(client.folder, 'source');
  writeFileSync(source, data);
  return await uploadFile(client.session, { source, path: `/${volume}/${name}` });
}

async function lengthsOf(path: string): Promise<number[]> {
  const { size, etag = '' } = await stat(client.session, path);
  const { chunks } = await fetchManifest(client.session, { path, size, etag });
  return chunks.map(({ length }) => length);
}

async function contentOf(path: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readFile(client.session, path)) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('a byte put in at the front of a large file sends less than 1 MiB', async () => {
  const sent: number[] = [];
  for (let file = 0; file < 4; file += 1) {
    const data = randomBytes(16 * MIB);
    await upload('front', data);
    const longer = Buffer.concat([Buffer.from('x'), data]);
    const result = await upload('front', longer);
    sent.push(result.bytesSent);
    assert.equal(result.bytesSent + result.bytesReused, longer.length);
    assert((await contentOf('/cut/front')).equals(longer));
  }
  // One chunk of 160 finds no place to be cut, and so moves the next one: two in a row are rare.
  const [, second = Infinity, , most = Infinity] = sent.toSorted((left, right) => left - right);
  assert(second <= MIB, `${sent.join()} bytes were sent`);
  assert(most <= 6 * LIMITS.cutBytesMax, `${most} bytes were sent`);
});

test('edits anywhere, appends and truncations send the chunks around them', async () => {
  const data = randomBytes(16 * MIB);
  await upload('edited', data);
  const chunkMax = LIMITS.cutBytesMax;
  const middle = Buffer.concat([
    data.subarray(0, 5 * MIB),
    randomBytes(77),
    data.subarray(5 * MIB + 13),
  ]);
  assert((await upload('edited', middle)).bytesSent <= 6 * chunkMax);
  const changed = Buffer.from(middle);
  for (const at of [0, 9 * MIB, changed.length - 1]) changed[at] = (changed[at] ?? 0) ^ 1;
  assert((await upload('edited', changed)).bytesSent <= 3 * 6 * chunkMax);
  const appended = Buffer.concat([changed, randomBytes(1000)]);
  assert((await upload('edited', appended)).bytesSent <= chunkMax + 1000);
  const cut = appended.subarray(0, 7 * MIB);
  assert((await upload('edited', cut)).bytesSent <= chunkMax);
  assert.equal((await upload('copy', cut)).bytesSent, 0);
  assert((await contentOf('/cut/copy')).equals(cut));
});

test('chunks keep to their bounds', async () => {
  await upload('bounds', randomBytes(20 * MIB));
  const lengths = await lengthsOf('/cut/bounds');
  assert(lengths.length > 20 * 2);
  for (const length of lengths.slice(0, -1)) {
    assert(length >= LIMITS.cutBytesMin && length <= LIMITS.cutBytesMax, String(length));
  }
});

test('two volumes cut the same file at different places', async () => {
  const data = randomBytes(8 * MIB);
  const ours = await upload('same', data);
  const theirs = await upload('same', data, 'other');
  assert.notEqual(ours.etag, theirs.etag);
  assert.notDeepEqual(await lengthsOf('/cut/same'), await lengthsOf('/other/same'));
});

test('a whole file in one request, and one in a tar stream, are cut as an upload is', async () => {
  const data = randomBytes(5 * MIB);
  const { etag } = await upload('chunks', data);
  const posted = await http.send('POST', FILES, { query: { path: '/cut/posted' }, body: data });
  assert.equal(posted.status, 201, posted.text);
  const body = encodeTar([
    { kind: 'file', path: 'packed', mode: 0o644, mtimeUs: 0, data, digest: sha256(data) },
  ]);
  const type = 'application/x-tar';
  const packed = await http.send('POST', FILES, { query: { path: '/cut' }, body, type });
  assert.equal(packed.status, 201, packed.text);
  for (const name of ['posted', 'packed']) {
    assert.equal((await stat(client.session, `/cut/${name}`)).etag, etag, name);
  }
});

test('holes of a sparse file are not sent', async () => {
  const source = join(client.folder, 'sparse');
  writeFileSync(source, randomBytes(2 * MIB));
  truncateSync(source, 200 * MIB);
  const result = await uploadFile(client.session, { source, path: '/cut/sparse' });
  assert.equal(result.size, 200 * MIB);
  assert(result.bytesSent < 2 * MIB + LIMITS.cutBytesMax);
  assert.equal(result.bytesReused, 0);
  assert((await contentOf('/cut/sparse')).equals(readFileSync(source)));
});

test('an append gets the chunking of the volume, an upload may not ask for another', async () => {
  const { etag } = await upload('log', randomBytes(1000));
  const append = { path: '/cut/log', kind: 'append', content: etag, size: 2000 };
  const opened = await http.send('POST', '/api/v1/files', { json: append });
  assert.match(opened.text, /"mode":"cdc"/);
  const json = { path: '/cut/log', kind: 'upload', size: 10, chunkSize: 5 };
  assert.equal((await http.send('POST', '/api/v1/files', { json })).code, 'bad_request');
});

test('nobody without access to the volume gets its chunking key', async () => {
  await using bob = await addUser(client.server, http, 'bob');
  const { chunking } = await openUpload(client.session, { path: '/cut/key', size: 1 });
  assert(chunking.mode === 'cdc');
  const key = Buffer.from(chunking.key).toString('base64url');
  await upload('key', randomBytes(100));
  const json = { path: '/cut/key', kind: 'upload', size: 1 };
  const asked = await bob.send('POST', '/api/v1/files', { json });
  assert.deepEqual([asked.code, asked.text.includes(key)], ['forbidden', false]);
  for (const target of ['/api/v1/volumes', '/api/v1/volumes/cut', '/api/v1/files?path=/cut/key']) {
    for (const who of [bob, http]) {
      assert(!(await who.send('GET', target)).text.includes(key), target);
    }
  }
});
