/** Several uploads of one path at the same time: one wins, the others are told. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { GdpfsError, isGdpfsError } from '../src/base/errors.ts';
import { LIMITS } from '../src/base/limits.ts';
import { remove, stat } from '../src/client/files.ts';
import { readFile } from '../src/client/read.ts';
import { type ApiRequest, openSession, type Session } from '../src/client/session.ts';
import { uploadFile } from '../src/client/upload.ts';
import { sendsFrames, watchRequests } from './support/counting-session.ts';
import { startTestClient, type TestClient, VOLUME } from './support/session.ts';
import { rejectsWith } from './support/rejects.ts';

const CHUNK = LIMITS.chunkBytesDefault;
const SIZE = 40 * CHUNK;

let client: TestClient;
/** Another job with the same certificate. */
let other: Session;

before(async () => {
  client = await startTestClient();
  other = openSession(client.identity);
});

after(async () => {
  await other[Symbol.asyncDispose]();
  await client[Symbol.asyncDispose]();
});

function newSource(name: string, data: Uint8Array): string {
  const path = join(client.folder, name);
  writeFileSync(path, data);
  return path;
}

/** The real session, which does something before its `count`th body is sent. */
function interrupted(count: number, interrupt: () => Promise<void>): Session {
  let bodies = 0;
  let done: Promise<void> | undefined;
  return {
    ...client.session,
    request: async (request: ApiRequest) => {
      if (request.route === '/api/v1/storage/file/chunks') {
        bodies += 1;
        if (bodies >= count) await (done ??= interrupt());
      }
      return await client.session.request(request);
    },
  };
}

async function contentOf(path: string): Promise<Buffer> {
  const pieces: Uint8Array[] = [];
  for await (const piece of readFile(client.session, path)) pieces.push(piece);
  return Buffer.concat(pieces);
}

test('of two jobs that upload different files to one path one wins, the other is told', async () => {
  const path = `/${VOLUME}/race`;
  for (let round = 0; round < 4; round += 1) {
    const sources = ['a', 'b'].map((name) => newSource(`${name}${round}`, randomBytes(SIZE)));
    const results = await Promise.allSettled(
      sources.map((source, index) =>
        uploadFile(index === 0 ? client.session : other, { source, path }),
      ),
    );
    const winner = results.findIndex(({ status }) => status === 'fulfilled');
    const loser = results[1 - winner];
    assert(loser?.status === 'rejected');
    assert(isGdpfsError(loser.reason, 'changed'), String(loser.reason));
    assert((await contentOf(path)).equals(readFileSync(sources[winner] ?? '')));
  }
});

test('two jobs that upload the same file to one path both succeed', async () => {
  const source = newSource('same', randomBytes(SIZE));
  const path = `/${VOLUME}/same`;
  const results = await Promise.all(
    [client.session, other].map((session) => uploadFile(session, { source, path })),
  );
  assert.equal(results[0]?.etag, results[1]?.etag);
  assert((await contentOf(path)).equals(readFileSync(source)));
});

test('an upload that the commit of another one has closed goes on, and is told in the end', async () => {
  const path = `/${VOLUME}/closed`;
  const [ours, theirs] = ['ours', 'theirs'].map((name) => newSource(name, randomBytes(SIZE)));
  const session = interrupted(3, async () => {
    await uploadFile(other, { source: theirs ?? '', path });
  });
  await rejectsWith(uploadFile(session, { source: ours ?? '', path }), 'changed');
  assert((await contentOf(path)).equals(readFileSync(theirs ?? '')));
});

test('an upload that the commit of the same content has closed succeeds', async () => {
  const path = `/${VOLUME}/closed-same`;
  const source = newSource('closed-same', randomBytes(SIZE));
  let seq = 0;
  const session = interrupted(3, async () => {
    ({ seq } = await uploadFile(other, { source, path }));
  });
  let progress = 0;
  const onProgress = (bytes: number): void => void (progress += bytes);
  const result = await uploadFile(session, { source, path, onProgress });
  assert.equal(result.seq, seq);
  assert.equal(progress, SIZE);
});

test('a file that is replaced or removed while its successor is uploaded stays so', async () => {
  const path = `/${VOLUME}/replaced`;
  await uploadFile(other, { source: newSource('v1', randomBytes(10)), path });
  const ours = newSource('v2', randomBytes(SIZE));
  const theirs = newSource('v3', randomBytes(20));
  const replacing = interrupted(1, async () => {
    await uploadFile(other, { source: theirs, path });
  });
  await rejectsWith(uploadFile(replacing, { source: ours, path }), 'changed');
  assert((await contentOf(path)).equals(readFileSync(theirs)));
  const removing = interrupted(1, async () => {
    await remove(other, path);
  });
  writeFileSync(ours, randomBytes(SIZE));
  await rejectsWith(uploadFile(removing, { source: ours, path }), 'changed');
  await rejectsWith(stat(client.session, path), 'not_found');
  await uploadFile(client.session, { source: ours, path });
});

test('an upload that the server has forgotten is opened again and sends the rest', async () => {
  const path = `/${VOLUME}/forgotten`;
  const source = newSource('forgotten', randomBytes(SIZE));
  let bodies = 0;
  const session = watchRequests(client.session, (request) => {
    if (sendsFrames(request)) bodies += 1;
    if (bodies !== 4) return;
    bodies += 1;
    throw new GdpfsError('upload_not_found', 'cannot find upload: it does not exist');
  });
  const result = await uploadFile(session, { source, path });
  assert.equal(result.bytesSent, SIZE);
  assert((await contentOf(path)).equals(readFileSync(source)));
});

test('with `ifAbsent` what exists is refused before anything is sent', async () => {
  const path = `/${VOLUME}/there`;
  await uploadFile(other, { source: newSource('there', randomBytes(10)), path });
  let bodies = 0;
  const session = interrupted(1, async () => void (bodies += 1));
  const source = newSource('late', randomBytes(SIZE));
  await rejectsWith(uploadFile(session, { source, path, ifAbsent: true }), 'exists');
  assert.equal(bodies, 0);
});
