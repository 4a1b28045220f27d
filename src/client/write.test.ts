import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { startTestClient, type TestClient, VOLUME } from '../../test/support/session.ts';
import { content } from '../../test/support/transfer-lab.ts';
import { stat } from './files.ts';
import { readFile } from './read.ts';
import { uploadFile } from './upload.ts';
import { createVolume } from './volumes.ts';
import { openFileWriter, writeFile } from './write.ts';

const PATH = `/${VOLUME}/written`;
const CHUNK = LIMITS.chunkBytesDefault;

let client: TestClient;

before(async () => {
  client = await startTestClient();
  await createVolume(client.session, { name: 'cut', chunking: 'cdc' });
});

after(() => client[Symbol.asyncDispose]());

async function read(path: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readFile(client.session, path)) pieces.push(piece);
  return Buffer.concat(pieces);
}

for (const volume of [VOLUME, 'cut']) {
  test(`openFileWriter() makes a file of what is written, and the same as an upload, in ${volume}`, async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 12 * CHUNK }),
        fc.array(fc.integer({ min: 1, max: 3 * CHUNK }), { minLength: 1, maxLength: 20 }),
        fc.boolean(),
        async (size, lengths, isKnown) => {
          const bytes = content(size, size);
          const path = `/${volume}/any`;
          await using writer = await openFileWriter(client.session, path, isKnown ? { size } : {});
          const buffer = Buffer.alloc(3 * CHUNK);
          for (let start = 0, turn = 0; start < size; turn += 1) {
            const length = Math.min(size - start, lengths[turn % lengths.length] ?? 1);
            bytes.copy(buffer, 0, start, start + length);
            await writer.write(buffer.subarray(0, length));
            buffer.fill(0xff);
            start += length;
          }
          const written = await writer.close();
          assert.equal(written.size, size);
          assert.deepEqual(await read(path), bytes);
          const source = join(client.folder, 'source');
          writeFileSync(source, bytes);
          const uploaded = await uploadFile(client.session, { source, path });
          // Of an unknown size it is cut into larger chunks.
          if (isKnown || volume === 'cut') assert.equal(uploaded.etag, written.etag);
        },
      ),
      { numRuns: 12 },
    );
  });
}

test('writeFile() sends only chunks that the volume lacks', async () => {
  const bytes = randomBytes(5 * CHUNK + 3);
  const first = await writeFile(client.session, PATH, bytes);
  assert.equal(first.bytesSent, bytes.length);
  bytes.fill(7, 2 * CHUNK, 2 * CHUNK + 10);
  const second = await writeFile(client.session, PATH, bytes);
  assert.equal(second.bytesSent, CHUNK);
  assert.deepEqual(await read(PATH), bytes);
});

test('an upload of what a writer wrote in one larger chunk sends nothing', async () => {
  const path = `/${VOLUME}/one-chunk`;
  await using writer = await openFileWriter(client.session, path);
  const bytes = randomBytes(4 * CHUNK - 1);
  await writer.write(bytes);
  const written = await writer.close();
  const source = join(client.folder, 'source');
  writeFileSync(source, bytes);
  const uploaded = await uploadFile(client.session, { source, path });
  assert.deepEqual([uploaded.bytesSent, uploaded.etag], [0, written.etag]);
});

test('a file that is being written is not there before it is closed, nor when it is given up', async () => {
  const before = await writeFile(client.session, PATH, randomBytes(100));
  {
    await using writer = await openFileWriter(client.session, PATH);
    await writer.write(randomBytes(20 * CHUNK));
    assert.equal((await stat(client.session, PATH)).etag, before.etag);
  }
  assert.equal((await stat(client.session, PATH)).etag, before.etag);
});

test('close() refuses to replace what somebody else has written meanwhile', async () => {
  await writeFile(client.session, PATH, randomBytes(100));
  await using writer = await openFileWriter(client.session, PATH);
  await writer.write(randomBytes(100));
  const theirs = await writeFile(client.session, PATH, randomBytes(50));
  await assert.rejects(writer.close(), (error) => isGdpfsError(error, 'changed'));
  assert.equal((await stat(client.session, PATH)).etag, theirs.etag);
});

test('close() of the second of two writers of one file says that it was changed', async () => {
  await using first = await openFileWriter(client.session, PATH);
  await using second = await openFileWriter(client.session, PATH);
  await first.write(randomBytes(300));
  await second.write(randomBytes(400));
  const { etag } = await first.close();
  await assert.rejects(second.close(), (error) => isGdpfsError(error, 'changed'));
  assert.equal((await stat(client.session, PATH)).etag, etag);
});

test('close() refuses a file of another size than was announced', async () => {
  await using writer = await openFileWriter(client.session, `/${VOLUME}/short`, { size: 10 });
  await writer.write(new Uint8Array(9));
  await assert.rejects(
    writer.close(),
    (error) => isGdpfsError(error, 'bad_request') && /9 bytes .* need the 10/.test(error.message),
  );
});

test('writeFile() makes parents only if it is told to, and replaces nothing with ifAbsent', async () => {
  const path = `/${VOLUME}/new/deep/file`;
  const bytes = randomBytes(10);
  const { session } = client;
  await assert.rejects(writeFile(session, path, bytes), (error) =>
    isGdpfsError(error, 'not_found'),
  );
  await writeFile(session, path, bytes, { parents: true });
  await assert.rejects(writeFile(session, path, randomBytes(3), { ifAbsent: true }), (error) =>
    isGdpfsError(error, 'exists'),
  );
  assert.deepEqual(await read(path), bytes);
});

test('a writer whose signal is aborted takes nothing more', async () => {
  const controller = new AbortController();
  const options = { signal: controller.signal };
  await using writer = await openFileWriter(client.session, `/${VOLUME}/aborted`, options);
  await writer.write(randomBytes(CHUNK));
  controller.abort(new Error('enough'));
  await assert.rejects(writer.write(randomBytes(CHUNK)), /enough/);
  await assert.rejects(stat(client.session, `/${VOLUME}/aborted`), (error) =>
    isGdpfsError(error, 'not_found'),
  );
});
