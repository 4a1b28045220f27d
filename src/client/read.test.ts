import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { startServerHere, temporaryDirectory, type TestServer } from '../../test/support/server.ts';
import { openTestSession, type TestSession, VOLUME } from '../../test/support/session.ts';
import { change } from './files.ts';
import { readFile } from './read.ts';
import { uploadFile } from './upload.ts';

const PATH = `/${VOLUME}/file`;
const DATA_SIZE = 3 * LIMITS.chunkBytesDefault + 100;
/** The file ends with a hole, and begins with data. */
const SIZE = DATA_SIZE + 2 * LIMITS.chunkBytesDefault;

let folder: Awaited<ReturnType<typeof temporaryDirectory>>;
let server: TestServer;
let client: TestSession;
let content: Buffer;

before(async () => {
  folder = await temporaryDirectory();
  server = await startServerHere(join(folder.path, 'data'));
  client = await openTestSession(server);
  const data = randomBytes(DATA_SIZE);
  const source = join(folder.path, 'file');
  writeFileSync(source, data);
  await uploadFile(client.session, { source, path: PATH });
  await change(client.session, PATH, { op: 'truncate', size: SIZE });
  content = Buffer.concat([data, Buffer.alloc(SIZE - DATA_SIZE)]);
});

after(async () => {
  await client[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await folder[Symbol.asyncDispose]();
});

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

test('readFile() refuses directories', async () => {
  const reading = readFile(client.session, `/${VOLUME}`);
  await assert.rejects(reading.next(), (error) => isGdpfsError(error, 'is_a_directory'));
});
