import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  appendFileSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { utf8Encode } from '../base/bytes.ts';
import { crc32, formatDigest, sha256 } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { sendsFrames, watchRequests } from '../../test/support/counting-session.ts';
import { startTestClient, type TestClient, VOLUME } from '../../test/support/session.ts';
import { rejectsWith } from '../../test/support/rejects.ts';
import { ChunkFrameDecoder } from '../format/chunk-frame.ts';
import { stat } from './files.ts';
import { fetchManifest } from './manifest.ts';
import { type ApiAnswer, type ApiRequest, jsonOf, type Session } from './session.ts';
import { uploadFile } from './upload.ts';

const CHUNK = LIMITS.chunkBytesDefault;

let client: TestClient;

before(async () => {
  client = await startTestClient();
});

after(() => client[Symbol.asyncDispose]());

function newSource(name: string, size: number): string {
  const path = join(client.folder, name);
  writeFileSync(path, randomBytes(size));
  return path;
}

test('uploadFile() commits nothing if the source changes meanwhile', async () => {
  const changes: ((path: string) => void)[] = [
    (path) => appendFileSync(path, 'x'),
    (path) => writeFileSync(path, randomBytes(10)),
    (path) => utimesSync(path, 1, 1),
    (path) => truncateSync(path, 15 * CHUNK),
    (path) => rmSync(path, { force: true }),
    (path) => {
      writeFileSync(`${path}.new`, randomBytes(20 * CHUNK));
      renameSync(`${path}.new`, path);
    },
  ];
  for (const [index, changeSource] of changes.entries()) {
    const source = newSource(`changed-${index}`, 20 * CHUNK);
    const path = `/${VOLUME}/changed-${index}`;
    const session = watchRequests(client.session, (request) => {
      if (sendsFrames(request)) changeSource(source);
    });
    await rejectsWith(uploadFile(session, { source, path }), 'source_changed');
    await rejectsWith(stat(client.session, path), 'not_found');
  }
});

test('uploadFile() sends every chunk once, then goes on with what is there', async () => {
  const source = newSource('once', 20 * CHUNK);
  const path = `/${VOLUME}/once`;
  let sent = 0;
  const broken = watchRequests(client.session, (request) => {
    if (!sendsFrames(request)) return;
    sent += 1;
    if (sent === 2) throw new Error('unplugged');
  });
  await assert.rejects(uploadFile(broken, { source, path }), /unplugged/);
  await rejectsWith(stat(client.session, path), 'not_found');
  const result = await uploadFile(client.session, { source, path });
  assert(result.bytesReused >= 8 * CHUNK, `only ${result.bytesReused} bytes were there`);
  assert.equal(result.bytesSent + result.bytesReused, 20 * CHUNK);
  const entry = await stat(client.session, path);
  assert.deepEqual([entry.etag, entry.size, entry.seq], [result.etag, 20 * CHUNK, result.seq]);
});

test('uploadFile() sends again what the server turns out to miss', async () => {
  const source = newSource('missing', 3 * CHUNK);
  const chunk = readFileSync(source).subarray(CHUNK, 2 * CHUNK);
  const missing = [formatDigest(sha256(chunk))];
  const bodies: number[] = [];
  let commits = 0;
  const session = watchRequests(client.session, (request) => {
    if (sendsFrames(request)) bodies.push(request.body?.bytes.length ?? 0);
    if (request.method !== 'PATCH') return;
    commits += 1;
    const details = { missing };
    if (commits === 1) throw new GdpfsError('chunk_missing', 'cannot commit', { details });
  });
  await uploadFile(session, { source, path: `/${VOLUME}/missing` });
  assert.equal(commits, 2);
  assert.deepEqual(bodies, [3 * (CHUNK + 16), CHUNK + 16]);
});

test('uploadFile() gives up when the server misses the same chunk again and again', async () => {
  const source = newSource('rotten', CHUNK);
  const missing = [formatDigest(sha256(readFileSync(source)))];
  const session = watchRequests(client.session, ({ method }) => {
    const details = { missing };
    if (method === 'PATCH') throw new GdpfsError('chunk_missing', 'cannot commit', { details });
  });
  await rejectsWith(uploadFile(session, { source, path: `/${VOLUME}/rotten` }), 'chunk_missing');
});

test('uploadFile() reports progress that adds up to the file', async () => {
  const source = newSource('progress', 5 * CHUNK + 1);
  let progress = 0;
  const onProgress = (bytes: number): void => void (progress += bytes);
  await uploadFile(client.session, { source, path: `/${VOLUME}/progress`, onProgress });
  assert.equal(progress, 5 * CHUNK + 1);
});

test('uploadFile() does not replace what exists with `ifAbsent`', async () => {
  const source = newSource('absent', 10);
  const options = { source, path: `/${VOLUME}/absent`, ifAbsent: true };
  const { etag } = await uploadFile(client.session, options);
  writeFileSync(source, 'other');
  await rejectsWith(uploadFile(client.session, options), 'exists');
  assert.equal((await stat(client.session, options.path)).etag, etag);
});

test('uploadFile() refuses what is no regular file', async () => {
  const path = `/${VOLUME}/special`;
  await rejectsWith(uploadFile(client.session, { source: client.folder, path }), 'is_a_directory');
  await rejectsWith(uploadFile(client.session, { source: '/dev/null', path }), 'not_a_file');
  const source = join(client.folder, 'none');
  await rejectsWith(uploadFile(client.session, { source, path }), 'not_found');
});

test('uploadFile() ends when it is aborted', async () => {
  const source = newSource('aborted', 20 * CHUNK);
  const controller = new AbortController();
  const session = watchRequests(client.session, (request) => {
    if (sendsFrames(request)) controller.abort(new Error('enough'));
  });
  const { signal } = controller;
  const path = `/${VOLUME}/aborted`;
  await assert.rejects(uploadFile(session, { source, path, signal }), /enough/);
});

/** The checksums in the frames that are sent, and what becomes of the answers. */
function spied(change: (request: ApiRequest, answer: object) => object): {
  readonly session: Session;
  readonly checksums: number[];
} {
  const checksums: number[] = [];
  const { session } = client;
  const request = async (asked: ApiRequest): Promise<ApiAnswer> => {
    if (sendsFrames(asked)) {
      const frames = new ChunkFrameDecoder().push(asked.body?.bytes ?? assert.fail());
      checksums.push(...frames.map(({ checksum }) => checksum));
    }
    const answer = await session.request(asked);
    if (asked.method === 'GET' || answer.body.length === 0) return answer;
    return { ...answer, body: utf8Encode(JSON.stringify(change(asked, jsonOf(answer)))) };
  };
  return { session: { ...session, request }, checksums };
}

/** The checksums that the volume has of a file are those of its bytes. */
async function checkSums(path: string, content: Uint8Array): Promise<number[]> {
  const { size, etag = '' } = await stat(client.session, path);
  const { chunks } = await fetchManifest(client.session, { path, size, etag });
  const sums = chunks.map(({ offset, length }) => crc32(content.subarray(offset, offset + length)));
  assert.deepEqual(
    chunks.map(({ checksum }) => checksum),
    sums,
  );
  return sums;
}

test('uploadFile() leaves the checksums of what it sends to the server, and knows those of the rest', async () => {
  const once = newSource('sums-before', 3 * CHUNK);
  await uploadFile(client.session, { source: once, path: `/${VOLUME}/sums-before` });
  const [known, fresh] = [readFileSync(once), randomBytes(2 * CHUNK)];
  // Chunks that are there, that are new, and that come twice.
  const parts = [known, fresh, fresh, randomBytes(9 * CHUNK), known, randomBytes(7)];
  const content = Buffer.concat(parts);
  const source = join(client.folder, 'sums');
  writeFileSync(source, content);
  const path = `/${VOLUME}/sums`;
  const { session, checksums } = spied((_, answer) => answer);
  const { bytesSent } = await uploadFile(session, { source, path });
  assert.equal(bytesSent, content.length - 2 * known.length - fresh.length);
  assert(checksums.includes(0), 'not computed here');
  await checkSums(path, content);
});

test('uploadFile() sends checksums to a server that does not compute them', async () => {
  const source = newSource('old-server', 5 * CHUNK);
  const path = `/${VOLUME}/old-server`;
  const { session, checksums } = spied((_, answer) => ({ ...answer, unsummed: undefined }));
  await uploadFile(session, { source, path });
  assert.deepEqual(checksums, await checkSums(path, readFileSync(source)));
});

test('uploadFile() does not take an answer with too few checksums for one', async () => {
  const path = `/${VOLUME}/too-few`;
  for (const checksums of [undefined, [], [1, 2, 3, 4]]) {
    const source = newSource('too-few', 5 * CHUNK);
    const { session } = spied((request, answer) =>
      sendsFrames(request) ? { ...answer, checksums } : answer,
    );
    await rejectsWith(uploadFile(session, { source, path }), 'corrupt');
  }
});
