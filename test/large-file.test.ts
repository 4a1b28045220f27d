/** A file that is large enough to go past the page cache on both sides, where that is possible. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { LIMITS } from '../src/base/limits.ts';
import { downloadFile } from '../src/client/download.ts';
import { readFile } from '../src/client/read.ts';
import { uploadFile } from '../src/client/upload.ts';
import { startServerHere, temporaryDirectory } from './support/server.ts';
import { openTestSession, VOLUME } from './support/session.ts';

test('a large file of an odd size is the same after it went up and down, twice, in part and whole', async () => {
  await using folder = await temporaryDirectory();
  await using server = await startServerHere(join(folder.path, 'data'));
  await using client = await openTestSession(server);
  const bytes = randomBytes(LIMITS.directFileBytesMin + 1_234_567);
  const source = join(folder.path, 'source');
  const target = join(folder.path, 'target');
  const path = `/${VOLUME}/large`;
  writeFileSync(source, bytes);
  await uploadFile(client.session, { source, path });
  for (let round = 0; round < 2; round += 1) {
    const { bytesReceived } = await downloadFile(client.session, {
      path,
      target: `${target}${round}`,
    });
    assert.equal(bytesReceived, bytes.length);
    assert(readFileSync(`${target}${round}`).equals(bytes));
  }
  const range = { offset: 1_000_001, length: 3_000_003 };
  const pieces: Uint8Array[] = [];
  for await (const piece of readFile(client.session, path, { range })) pieces.push(piece);
  assert(Buffer.concat(pieces).equals(bytes.subarray(range.offset, range.offset + range.length)));
});
