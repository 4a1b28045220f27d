/** What travels when a file is uploaded that the server has, wholly or in part. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  closeSync,
  openSync,
  readFileSync,
  truncateSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../src/base/limits.ts';
import { change, stat } from '../src/client/files.ts';
import { readFile } from '../src/client/read.ts';
import type { Session } from '../src/client/session.ts';
import { uploadFile, type UploadResult } from '../src/client/upload.ts';
import { sendsFrames, watchRequests } from './support/counting-session.ts';
import { startTestClient, type TestClient, VOLUME } from './support/session.ts';

const CHUNK = LIMITS.chunkBytesDefault;
const HEADER = 16;

let client: TestClient;
/** Bytes of bodies of chunk frames since the last upload began. */
let bodyBytes = 0;
let session: Session;

before(async () => {
  client = await startTestClient();
  session = watchRequests(client.session, (request) => {
    if (sendsFrames(request)) bodyBytes += request.body?.bytes.length ?? 0;
  });
});

after(() => client[Symbol.asyncDispose]());

function newSource(name: string, data: Uint8Array): string {
  const path = join(client.folder, name);
  writeFileSync(path, data);
  return path;
}

async function upload(source: string, name: string): Promise<UploadResult> {
  bodyBytes = 0;
  return await uploadFile(session, { source, path: `/${VOLUME}/${name}` });
}

/** Exactly these chunks were in the bodies; the result says so too. */
function assertSent(result: UploadResult, lengths: readonly number[]): void {
  const bytes = lengths.reduce((sum, length) => sum + length, 0);
  assert.equal(result.bytesSent, bytes);
  assert.equal(bodyBytes, bytes + lengths.length * HEADER);
}

async function assertStored(name: string, source: string): Promise<void> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readFile(client.session, `/${VOLUME}/${name}`)) pieces.push(piece);
  assert(Buffer.concat(pieces).equals(readFileSync(source)));
}

test('an unchanged file sends nothing, nor does a copy or a renamed one', async () => {
  const data = randomBytes(20 * CHUNK + 5);
  const source = newSource('same', data);
  assert.equal((await upload(source, 'same')).bytesReused, 0);
  for (const name of ['same', 'copy of it', 'deep']) {
    const result = await upload(source, name);
    assertSent(result, []);
    assert.equal(result.bytesReused, data.length);
  }
  await change(client.session, `/${VOLUME}/same`, { op: 'rename', to: `/${VOLUME}/renamed` });
  assertSent(await upload(newSource('elsewhere', data), 'same'), []);
});

test('a changed file sends the chunks that changed', async () => {
  const data = randomBytes(20 * CHUNK + 5);
  const source = newSource('changed', data);
  await upload(source, 'changed');
  for (const at of [3 * CHUNK, 7 * CHUNK - 1, 20 * CHUNK]) data[at] = (data[at] ?? 0) ^ 1;
  writeFileSync(source, data);
  const result = await upload(source, 'changed');
  assertSent(result, [CHUNK, CHUNK, 5]);
  assert.equal(result.bytesReused, 18 * CHUNK);
  await assertStored('changed', source);
});

test('an appended file sends its tail, a truncated one its last chunk', async () => {
  const source = newSource('grown', randomBytes(4 * CHUNK + 10));
  await upload(source, 'grown');
  appendFileSync(source, randomBytes(2 * CHUNK));
  assertSent(await upload(source, 'grown'), [CHUNK, CHUNK, 10]);
  truncateSync(source, 3 * CHUNK + 7);
  assertSent(await upload(source, 'grown'), [7]);
  truncateSync(source, 2 * CHUNK);
  assertSent(await upload(source, 'grown'), []);
  await assertStored('grown', source);
});

test('a file that becomes large keeps the chunks of its path', async () => {
  const source = newSource('huge', randomBytes(2 * CHUNK));
  await upload(source, 'huge');
  // Large enough for larger chunks, were it new; most of it is a hole.
  truncateSync(source, 300 * 1024 ** 2);
  assertSent(await upload(source, 'huge'), []);
});

test('chunks of zeros in a sparse file are holes: not sent, not stored, read as zeros', async () => {
  const source = join(client.folder, 'sparse');
  const file = openSync(source, 'w');
  writeSync(file, randomBytes(10), 0, 10, 5 * CHUNK);
  writeSync(file, randomBytes(CHUNK), 0, CHUNK, 12 * CHUNK - 100);
  closeSync(file);
  truncateSync(source, 30 * CHUNK + 1);
  const result = await upload(source, 'sparse');
  assertSent(result, [CHUNK, CHUNK, CHUNK]);
  assert.deepEqual([result.size, result.bytesReused], [30 * CHUNK + 1, 0]);
  const { size } = await stat(client.session, `/${VOLUME}/sparse`);
  assert.equal(size, 30 * CHUNK + 1);
  await assertStored('sparse', source);
  assertSent(await upload(source, 'sparse'), []);
});

test('a file that is one hole is uploaded without a chunk', async () => {
  const source = newSource('hole', new Uint8Array(0));
  truncateSync(source, 5 * CHUNK + 3);
  const result = await upload(source, 'hole');
  assertSent(result, []);
  assert.deepEqual([result.size, result.bytesReused], [5 * CHUNK + 3, 0]);
  await assertStored('hole', source);
});

test('progress counts chunks that were there and holes, and adds up to the file', async () => {
  const source = newSource('progress', randomBytes(9 * CHUNK));
  await upload(source, 'progress');
  appendFileSync(source, randomBytes(CHUNK));
  truncateSync(source, 40 * CHUNK);
  let progress = 0;
  const onProgress = (bytes: number): void => void (progress += bytes);
  await uploadFile(session, { source, path: `/${VOLUME}/progress`, onProgress });
  assert.equal(progress, 40 * CHUNK);
});
