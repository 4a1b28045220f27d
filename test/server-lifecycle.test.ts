import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import { Server } from 'node:https';
import { join } from 'node:path';
import { test } from 'node:test';
import { systemClock } from '../src/base/clock.ts';
import { isGdpfsError } from '../src/base/errors.ts';
import { openFileSystem } from '../src/fs/open.ts';
import { HttpClient } from './support/http-client.ts';
import { FaultDisk } from './support/fault-disk.ts';
import { addUser, enrol, startServerHere, temporaryDirectory } from './support/server.ts';
import { volumeState } from './support/volume-state.ts';

const STORAGE = '/api/v1/storage/files';

/** The same caller at the server's new address. */
function moved(client: HttpClient, { url }: { readonly url: string }): HttpClient {
  return new HttpClient({ ...client.options, url });
}

test('a server started again on its folder knows its callers, files and first answers', async () => {
  await using directory = await temporaryDirectory();
  const bytes = new Uint8Array(randomBytes(300_000));
  const request = {
    query: { path: '/alice/f' },
    body: bytes,
    headers: { 'idempotency-key': 'before-restart' },
  };
  let alice: HttpClient;
  let first: string;
  let state: unknown;
  {
    await using server = await startServerHere(directory.path);
    await using admin = await enrol(server, server.adminToken ?? '');
    alice = await addUser(server, admin, 'alice');
    first = (await alice.send('POST', STORAGE, request)).text;
    state = await volumeState(alice, 'alice');
    await alice[Symbol.asyncDispose]();
  }
  // The index can be lost: the segments are the truth.
  await rm(join(directory.path, 'store', 'index.sqlite'));
  await using server = await startServerHere(directory.path);
  assert.equal(server.adminToken, undefined, 'somebody has enrolled');
  await using again = moved(alice, server);
  assert.deepEqual(await volumeState(again, 'alice'), state);
  assert.deepEqual((await again.send('GET', STORAGE, { query: request.query })).bytes, bytes);
  assert.equal((await again.send('POST', STORAGE, request)).text, first);
  const reused = await again.send('POST', STORAGE, { ...request, body: bytes.slice(1) });
  assert.equal(reused.code, 'request_reused');
});

test('a second server on the same folder is refused, the first goes on', async () => {
  await using directory = await temporaryDirectory();
  await using server = await startServerHere(directory.path);
  await assert.rejects(startServerHere(directory.path), (error) => isGdpfsError(error, 'locked'));
  await using admin = await enrol(server, server.adminToken ?? '');
  assert.equal((await admin.send('GET', '/api/v1/whoami')).status, 200);
});

test('a start that fails at its end leaves nobody who listens, and the store to others', async (t) => {
  await using directory = await temporaryDirectory();
  const store = await openFileSystem({
    directory: join(directory.path, 'store'),
    keysDirectory: join(directory.path, 'keys'),
    clock: systemClock,
    warn: (message) => assert.fail(message),
  });
  const failure = new Error('no token');
  store.system.change = () => Promise.reject(failure);
  const closed = t.mock.method(Server.prototype, 'close');
  await assert.rejects(startServerHere(directory.path, { store }), failure);
  assert.equal(closed.mock.callCount(), 1);
  await using server = await startServerHere(directory.path);
  assert.match(server.adminToken ?? '', /^gdpfs1\./);
});

test('the first admin token is given until somebody has enrolled', async () => {
  await using directory = await temporaryDirectory();
  const tokens: (string | undefined)[] = [];
  for (let start = 0; start < 2; start += 1) {
    await using server = await startServerHere(directory.path);
    tokens.push(server.adminToken);
    if (start === 1) await (await enrol(server, server.adminToken ?? ''))[Symbol.asyncDispose]();
  }
  assert.match(tokens[0] ?? '', /^gdpfs1\./);
  assert.match(tokens[1] ?? '', /^gdpfs1\./);
  await using server = await startServerHere(directory.path);
  assert.equal(server.adminToken, undefined);
});

test('stopping lets requests in flight finish, and takes no new connection', async (t) => {
  await using directory = await temporaryDirectory();
  const server = await startServerHere(directory.path);
  const admin = await enrol(server, server.adminToken ?? '');
  await using alice = await addUser(server, admin, 'alice');
  // The rest of a long body of known length goes past the HTTP parser.
  const bodies = [randomBytes(1000), randomBytes(1_000_000)].map((each) => new Uint8Array(each));
  const goOn = Promise.withResolvers<void>();
  const uploads = bodies.map((bytes, index) => {
    const middle = bytes.length / 2;
    const started = Promise.withResolvers<void>();
    async function* slowBody(): AsyncGenerator<Uint8Array> {
      yield bytes.subarray(0, middle);
      started.resolve();
      await goOn.promise;
      yield bytes.subarray(middle);
    }
    const headers: Record<string, string> =
      index === 0 ? {} : { 'content-length': String(bytes.length) };
    const request = { query: { path: `/alice/s${index}` }, body: slowBody(), headers };
    const client = alice.another();
    return { client, started, answer: client.send('POST', STORAGE, request) };
  });
  await Promise.all(uploads.map(({ started }) => started.promise));
  // Another request behind them on the server side proves that the uploads have been taken up.
  assert.equal((await admin.send('GET', '/readyz')).status, 200);
  const cut = t.mock.method(Server.prototype, 'closeAllConnections');
  const stopped = server[Symbol.asyncDispose]();
  await using late = alice.another();
  await assert.rejects(late.send('GET', '/healthz'), /ECONNREFUSED/);
  goOn.resolve();
  for (const { answer } of uploads) assert.equal((await answer).status, 201);
  await stopped;
  assert.equal(cut.mock.callCount(), 0, 'nothing had to be cut');
  for (const { client } of [...uploads, { client: admin }]) await client[Symbol.asyncDispose]();

  await using second = await startServerHere(directory.path);
  await using again = moved(alice, second);
  for (const [index, bytes] of bodies.entries()) {
    const read = await again.send('GET', STORAGE, { query: { path: `/alice/s${index}` } });
    assert.deepEqual(read.bytes, bytes);
  }
});

test('an internal error says nothing of the inside, and the log says it all', async () => {
  await using directory = await temporaryDirectory();
  const store = await openFileSystem({
    directory: join(directory.path, 'store'),
    keysDirectory: join(directory.path, 'keys'),
    clock: systemClock,
    warn: (message) => assert.fail(message),
  });
  const logLines: string[] = [];
  await using server = await startServerHere(directory.path, { logLines, store });
  await using admin = await enrol(server, server.adminToken ?? '');
  await admin.send('POST', '/api/v1/volumes', { json: { name: 'v' } });
  store.fs.stat = () => {
    throw new Error('very secret');
  };
  const answer = await admin.send('GET', '/api/v1/files', { query: { path: '/v' } });
  assert.equal(answer.status, 500);
  assert.equal(answer.code, 'internal');
  assert.doesNotMatch(answer.text, /very secret/);
  const { request } = answer.json as { request: string };
  const line = logLines.find((text) => text.includes(request) && text.includes('very secret'));
  assert.match(line ?? '', /"stack":"Error: very secret/);
});

test('a server whose disk has failed is not ready any more, and still serves what it has', async () => {
  await using directory = await temporaryDirectory();
  const disk = new FaultDisk({ seed: 1 });
  const store = await openFileSystem({
    directory: join(directory.path, 'store'),
    keysDirectory: join(directory.path, 'keys'),
    clock: systemClock,
    warn: (message) => assert.fail(message),
    disk,
  });
  await using server = await startServerHere(directory.path, { store });
  await using admin = await enrol(server, server.adminToken ?? '');
  assert.equal((await admin.send('GET', '/readyz')).status, 200);
  disk.failNext('sync', { code: 'local_io', effect: 'none' });
  const lost = await admin.send('POST', '/api/v1/volumes', { json: { name: 'lost' } });
  assert.equal(lost.status, 503, lost.text);
  const answer = await admin.send('GET', '/readyz');
  assert.equal(answer.status, 503);
  assert.match(answer.text, /"code":"unavailable".*"cannot take changes: the store has failed"/);
  assert.equal((await admin.send('GET', '/healthz')).status, 200);
  assert.equal((await admin.send('GET', '/api/v1/whoami')).status, 200);
});
