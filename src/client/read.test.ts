import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { countRequests } from '../../test/support/counting-session.ts';
import { startTestClient, type TestClient, VOLUME } from '../../test/support/session.ts';
import { change, remove } from './files.ts';
import { readFile } from './read.ts';
import { uploadFile } from './upload.ts';
import { writeFile } from './write.ts';

const PATH = `/${VOLUME}/file`;
const DATA_SIZE = 3 * LIMITS.chunkBytesDefault + 100;
/** The file ends with a hole, and begins with data. */
const SIZE = DATA_SIZE + 2 * LIMITS.chunkBytesDefault;

let client: TestClient;
let content: Buffer;

before(async () => {
  client = await startTestClient();
  const data = randomBytes(DATA_SIZE);
  const source = join(client.folder, 'file');
  writeFileSync(source, data);
  await uploadFile(client.session, { source, path: PATH });
  await change(client.session, PATH, { op: 'truncate', size: SIZE });
  content = Buffer.concat([data, Buffer.alloc(SIZE - DATA_SIZE)]);
});

after(() => client[Symbol.asyncDispose]());

async function read(range?: { offset: number; length?: number }): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  const options = range === undefined ? {} : { range };
  for await (const piece of readFile(client.session, PATH, options)) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('readFile() returns the whole file, holes as zeros', async () => {
  assert.deepEqual(await read(), content);
});

test('readFile() returns any range, cut to the file', async () => {
  const numbers = fc.integer({ min: 0, max: SIZE });
  await fc.assert(
    fc.asyncProperty(numbers, fc.option(numbers), async (offset, length) => {
      const range = length === null ? { offset } : { offset, length };
      const end = length === null ? SIZE : offset + length;
      assert(content.subarray(offset, end).equals(await read(range)));
    }),
    { numRuns: 30 },
  );
});

test('readFile() refuses a range that begins behind the end', async () => {
  await assert.rejects(read({ offset: SIZE + 1 }), (error) => isGdpfsError(error, 'bad_range'));
});

test('readFile() goes on with the version that it began with when the file is replaced and removed', async () => {
  const path = `/${VOLUME}/replaced`;
  const bytes = randomBytes(20 * LIMITS.bodyBytesTarget);
  await writeFile(client.session, path, bytes);
  const pieces: Uint8Array[] = [];
  for await (const piece of readFile(client.session, path)) {
    if (pieces.length === 0) {
      await writeFile(client.session, path, randomBytes(10));
      await remove(client.session, path);
    }
    pieces.push(piece);
  }
  assert(Buffer.concat(pieces).equals(bytes));
});

test('readFile() reads a version that is known without asking for it, or says that it changed', async () => {
  const path = `/${VOLUME}/known`;
  const { etag } = await writeFile(client.session, path, randomBytes(10));
  const session = countRequests(client.session);
  const read = async (version: { size: number; etag: string }) => {
    for await (const piece of readFile(session, path, { version })) assert(piece.length > 0);
  };
  await read({ size: 10, etag });
  assert.equal(session.requests.get('GET /api/v1/files'), undefined);
  await writeFile(client.session, path, randomBytes(10));
  await assert.rejects(read({ size: 10, etag }), (error) => isGdpfsError(error, 'changed'));
});

test('readFile() ends what is under way when its reader leaves', async () => {
  const path = `/${VOLUME}/left`;
  await writeFile(client.session, path, randomBytes(8 * LIMITS.bodyBytesTarget));
  const signals: AbortSignal[] = [];
  const session = countRequests(client.session);
  session.before = ({ into, signal }) => {
    if (into !== undefined && signal !== undefined) signals.push(signal);
  };
  for await (const piece of readFile(session, path)) {
    assert(piece.length > 0);
    break;
  }
  assert(signals.length > 1);
  assert(signals.every(({ aborted }) => aborted));
});

test('readFile() refuses directories', async () => {
  const reading = readFile(client.session, `/${VOLUME}`);
  await assert.rejects(reading.next(), (error) => isGdpfsError(error, 'is_a_directory'));
});
