/** Uploads that were cut off and go on from their journal. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, mock, test } from 'node:test';
import { crc32, sha256 } from '../src/base/digest.ts';
import { LIMITS } from '../src/base/limits.ts';
import { stat } from '../src/client/files.ts';
import { openSourceFile } from '../src/client/source-file.ts';
import { openUploadJournal } from '../src/client/upload/journal-folder.ts';
import { uploadFile, type UploadResult } from '../src/client/upload.ts';
import { openUpload } from '../src/client/uploads.ts';
import { createVolume } from '../src/client/volumes.ts';
import type { Chunk } from '../src/format/manifest.ts';
import { sendsFrames, watchRequests } from './support/counting-session.ts';
import { startTestClient, type TestClient, VOLUME } from './support/session.ts';

const MIB = 1024 * 1024;
/** Just large enough for a journal; most of it is a hole. */
const SIZE = LIMITS.uploadJournalFileBytesMin + 5;
const DATA_BYTES = 20 * MIB;

let client: TestClient;
let journalDirectory: string;

before(async () => {
  client = await startTestClient();
  await createVolume(client.session, { name: 'cut', chunking: 'cdc' });
  journalDirectory = join(client.folder, 'journals');
  // Files that have just been made are old enough for a journal.
  const realNow = Date.now;
  mock.method(Date, 'now', () => realNow() + 2 * LIMITS.timestampStepMsMax);
});

after(async () => {
  mock.restoreAll();
  await client[Symbol.asyncDispose]();
});

function newSource(name: string): string {
  const path = join(client.folder, name);
  writeFileSync(path, randomBytes(DATA_BYTES));
  truncateSync(path, SIZE);
  return path;
}

/** Fails when `count` bodies were sent. */
async function cutOff(source: string, path: string, count: number): Promise<void> {
  let bodies = 0;
  const session = watchRequests(client.session, (request) => {
    if (!sendsFrames(request)) return;
    bodies += 1;
    if (bodies > count) throw new Error('unplugged');
  });
  await assert.rejects(
    uploadFile(session, { source, path, transfer: { journalDirectory } }),
    /unplugged/,
  );
}

async function goOn(source: string, path: string, recheck = false): Promise<UploadResult> {
  const transfer = { journalDirectory, recheck };
  let progress = 0;
  const onProgress = (bytes: number): void => void (progress += bytes);
  const result = await uploadFile(client.session, { source, path, transfer, onProgress });
  assert.equal(progress, result.size);
  return result;
}

function journals(): string[] {
  return readdirSync(journalDirectory);
}

/** The content root of the file, uploaded without any journal. */
async function rootOf(source: string, volume = VOLUME): Promise<string> {
  return (await uploadFile(client.session, { source, path: `/${volume}/plain` })).etag;
}

for (const volume of [VOLUME, 'cut']) {
  test(`an upload into "${volume}" goes on from its journal, which goes when it is done`, async () => {
    const source = newSource(`resumed-${volume}`);
    const path = `/${volume}/resumed`;
    await cutOff(source, path, 4);
    const [name = ''] = journals();
    assert(statSync(join(journalDirectory, name)).size > 32, 'something was noted');
    const result = await goOn(source, path);
    assert(result.bytesReused >= 4 * MIB, `${result.bytesReused} bytes were there`);
    const chunks = await stored(path);
    const bytes = chunks.reduce((sum, { length }) => sum + length, 0);
    assert.equal(result.bytesSent + result.bytesReused, bytes);
    const content = readFileSync(source);
    for (const { offset, length, checksum } of chunks) {
      assert.equal(checksum, crc32(content.subarray(offset, offset + length)));
    }
    assert.deepEqual(journals(), []);
    assert.equal(result.etag, await rootOf(source, volume));
  });
}

/** The chunks of a file. */
async function stored(path: string): Promise<readonly Chunk[]> {
  const { fetchManifest } = await import('../src/client/manifest.ts');
  const { size, etag = '' } = await stat(client.session, path);
  return (await fetchManifest(client.session, { path, size, etag })).chunks;
}

/** Writes a journal that takes `source` for what is in `data`. */
async function pretend(source: string, path: string, data: Uint8Array): Promise<void> {
  await using file = await openSourceFile(source);
  const { chunking } = await openUpload(client.session, { path, size: file.size });
  assert(chunking.mode === 'fixed');
  const chunks = [];
  for (let offset = 0; offset < data.length; offset += chunking.chunkSize) {
    const bytes = data.subarray(offset, offset + chunking.chunkSize);
    chunks.push({ offset, length: bytes.length, checksum: crc32(bytes), digest: sha256(bytes) });
  }
  const subject = {
    source: file,
    sourcePath: source,
    chunking,
    server: client.session.url,
    volume: VOLUME,
  };
  const journal = await openUploadJournal(journalDirectory, subject);
  await journal.add({ start: 0, end: SIZE, chunks });
  await journal.close();
}

test('what the journal knows and the server has is not read again, unless it is to be', async () => {
  const [source, other] = [newSource('believed'), newSource('other')];
  const path = `/${VOLUME}/believed`;
  const etags = [await rootOf(source), await rootOf(other)];
  const data = readFileSync(other).subarray(0, DATA_BYTES);
  await pretend(source, path, data);
  assert.equal((await goOn(source, path)).etag, etags[1]);
  await pretend(source, path, data);
  assert.equal((await goOn(source, path, true)).etag, etags[0]);
});

test('what the journal knows and the server lacks is compared when it is read', async () => {
  const source = newSource('compared');
  const path = `/${VOLUME}/compared`;
  await pretend(source, path, randomBytes(DATA_BYTES));
  const { etag } = await goOn(source, path);
  assert.equal(etag, await rootOf(source));
  assert.deepEqual(journals(), []);
});

test('a file that changed since its journal was written is read from its beginning', async () => {
  const source = newSource('changed');
  const path = `/${VOLUME}/changed`;
  await cutOff(source, path, 4);
  writeFileSync(source, randomBytes(DATA_BYTES));
  truncateSync(source, SIZE);
  const result = await goOn(source, path);
  assert.equal(result.bytesSent, DATA_BYTES);
  assert.equal(result.etag, await rootOf(source));
});

test('nothing is noted of a file that may still change without a new time', async () => {
  mock.restoreAll();
  const source = newSource('fresh');
  // However slow the machine is.
  const realNow = Date.now;
  const lastMs = Math.floor(statSync(source).ctimeMs) + LIMITS.timestampStepMsMax / 2;
  mock.method(Date, 'now', () => Math.min(realNow(), lastMs));
  const before = journals();
  await cutOff(source, `/${VOLUME}/fresh`, 4);
  assert.deepEqual(journals(), before);
});
