/** How a session uses a network that is slow, silent or gone, against the real server. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:https';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type AddressInfo, connect, createServer as createTcpServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isGdpfsError } from '../src/base/errors.ts';
import { LIMITS } from '../src/base/limits.ts';
import type { Wait } from '../src/client/flow/flow-options.ts';
import { RateLimit } from '../src/client/flow/rate-limit.ts';
import { readFile } from '../src/client/read.ts';
import { openSession, type Session, type SessionOptions } from '../src/client/session.ts';
import { whoami } from '../src/client/volumes.ts';
import { openCertificateAuthority } from '../src/server/ca.ts';
import { systemClock } from '../src/base/clock.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import { FaultProxy } from './support/fault-proxy.ts';
import { startServerHere, temporaryDirectory, type TestServer } from './support/server.ts';
import { openTestSession, type TestSession, VOLUME } from './support/session.ts';

/** So short that a test does not take long, and long enough for a busy machine to answer. */
const STALL_MS = 1000;

let stack: AsyncDisposableStack;
let folder: string;
let server: TestServer;
let client: TestSession;
let proxy: FaultProxy;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  server = stack.use(await startServerHere(join(folder, 'data')));
  client = stack.use(await openTestSession(server));
  proxy = stack.use(await FaultProxy.start(server.url));
});
after(() => stack.disposeAsync());

function open(options: Partial<SessionOptions> = {}): Session {
  return openSession({ ...client.identity, url: proxy.url, ...options });
}

/** The whole file in one request. */
async function put(session: Session, name: string, bytes: Uint8Array): Promise<void> {
  await session.request({
    method: 'POST',
    route: '/api/v1/storage/files',
    query: { path: `/${VOLUME}/${name}` },
    body: { type: MEDIA_TYPES.bytes, bytes },
    changes: true,
  });
}

/** The whole file in one response, into a buffer. */
async function get(session: Session, name: string, into: Uint8Array): Promise<Uint8Array> {
  const route = '/api/v1/storage/files';
  const query = { path: `/${VOLUME}/${name}` };
  // Pieces meet the border of two views anywhere.
  const views = [into.subarray(0, 99_999), into.subarray(99_999)];
  const { bodyBytes } = await session.request({ method: 'GET', route, query, into: views });
  return into.subarray(0, bodyBytes);
}

async function equal(name: string, bytes: Uint8Array): Promise<void> {
  const read: Uint8Array[] = [];
  for await (const piece of readFile(client.session, `/${VOLUME}/${name}`)) read.push(piece);
  assert.deepEqual(Buffer.concat(read), Buffer.from(bytes));
}

test('an upload that stalls is cut and sent again, and the session says so', async () => {
  const waits: Wait[] = [];
  await using session = open({ stallMs: STALL_MS, onWait: (wait) => waits.push(wait) });
  await whoami(session);
  const bytes = randomBytes(20 * 1024 * 1024);
  proxy.inject({ direction: 'up', at: 1_000_000, kind: 'stall' });
  await put(session, 'stalled-up', bytes);
  // Once, or more often where a disk is as slow as that.
  assert.deepEqual(
    waits.map(({ attempt, reason }) => [attempt, reason.code, reason.message]),
    Array.from({ length: Math.max(1, waits.length) }, (_, index) => [
      index + 2,
      'unavailable',
      `cannot reach "${proxy.url}": it stopped answering`,
    ]),
  );
  await equal('stalled-up', bytes);
});

test('a download that stalls is cut and asked for again', async () => {
  const bytes = randomBytes(2 * 1024 * 1024);
  await put(client.session, 'stalled-down', bytes);
  const waits: Wait[] = [];
  await using session = open({ stallMs: STALL_MS, onWait: (wait) => waits.push(wait) });
  await whoami(session);
  proxy.inject({ direction: 'down', at: 1_000_000, kind: 'stall' });
  const into = Buffer.alloc(bytes.length);
  assert.deepEqual(Buffer.from(await get(session, 'stalled-down', into)), bytes);
  assert.deepEqual(new Set(waits.map(({ reason }) => reason.code)), new Set(['unavailable']));
});

test('a download without a place for it is not repeated, and its error says why it ended', async () => {
  await put(client.session, 'stalled-read', randomBytes(1024 * 1024));
  await using session = open({ stallMs: STALL_MS });
  await whoami(session);
  proxy.inject({ direction: 'down', at: 100_000, kind: 'stall' });
  const request = session.request({
    method: 'GET',
    route: '/api/v1/storage/files',
    query: { path: `/${VOLUME}/stalled-read` },
    onData: () => {},
  });
  await assert.rejects(request, (error) => {
    assert(isGdpfsError(error, 'unavailable'), String(error));
    assert.match(error.message, /: it stopped answering$/);
    return true;
  });
});

/** Passes bytes on at a rate, in both directions. */
async function startSlowLink(target: string, bytesPerSecond: number) {
  const sockets = new Set<Socket>();
  const pass = async (from: Socket, to: Socket): Promise<void> => {
    const rate = new RateLimit(bytesPerSecond);
    try {
      for await (const piece of from) {
        await rate.take((piece as Buffer).length);
        if (!to.write(piece as Buffer)) await once(to, 'drain');
      }
      to.end();
    } catch {
      to.destroy();
    }
  };
  const listener = createTcpServer((near) => {
    const far = connect({ host: '127.0.0.1', port: Number(new URL(target).port) });
    for (const socket of [near, far]) sockets.add(socket.on('error', () => {}));
    void pass(near, far);
    void pass(far, near);
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    url: `https://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    [Symbol.asyncDispose]: async () => {
      const closed = once(listener, 'close');
      listener.close();
      for (const socket of sockets) socket.destroy();
      await closed;
    },
  };
}

test('a link that is slow but moves is never cut', async () => {
  await using link = await startSlowLink(server.url, 8 * 1024 * 1024);
  const waits: Wait[] = [];
  await using session = open({
    url: link.url,
    stallMs: STALL_MS,
    onWait: (wait) => waits.push(wait),
  });
  // Three times the stall time each way, and more than the buffers of two sockets take.
  const bytes = randomBytes(24 * 1024 * 1024);
  await put(session, 'slow', bytes);
  const into = Buffer.alloc(bytes.length);
  assert.deepEqual(Buffer.from(await get(session, 'slow', into)), bytes);
  assert.deepEqual(waits, []);
});

test('requests wait for a server that is started again', async () => {
  await using other = await temporaryDirectory();
  const directory = join(other.path, 'data');
  await using first = await startServerHere(directory);
  await using user = await openTestSession(first);
  await using link = await FaultProxy.start(first.url);
  const waits: Wait[] = [];
  await using session = openSession({
    ...user.identity,
    url: link.url,
    onWait: (wait) => waits.push(wait),
  });
  await whoami(session);
  await first[Symbol.asyncDispose]();
  link.cutAll();
  const answer = whoami(session);
  // More than one attempt finds nobody there.
  while (waits.length < 4) await new Promise((resolve) => setTimeout(resolve, 10));
  await using second = await startServerHere(directory);
  link.moveTo(second.url);
  assert.equal((await answer).principal, 'admin');
});

test('a session that is closed does not go on trying', async () => {
  await using other = await temporaryDirectory();
  await using gone = await startServerHere(join(other.path, 'data'));
  await using user = await openTestSession(gone);
  const waiting = Promise.withResolvers<Wait>();
  const session = openSession({ ...user.identity, onWait: waiting.resolve });
  await whoami(session);
  await gone[Symbol.asyncDispose]();
  const answer = whoami(session);
  answer.catch(() => {});
  await waiting.promise;
  await session[Symbol.asyncDispose]();
  await assert.rejects(answer, (error) => isGdpfsError(error, 'unavailable'));
});

test('a limited session keeps its rate both ways', async () => {
  const bytesPerSecond = 2 * 1024 * 1024;
  await using session = open({ bytesPerSecond, stallMs: STALL_MS });
  const bytes = randomBytes(1024 * 1024);
  const startMs = performance.now();
  await put(session, 'limited', bytes);
  const uploadMs = performance.now() - startMs;
  const into = Buffer.alloc(bytes.length);
  assert.deepEqual(Buffer.from(await get(session, 'limited', into)), bytes);
  // The last piece may come before its time is over.
  const leastMs = (bytes.length / bytesPerSecond) * 1000 - 250;
  assert(uploadMs >= leastMs, `${uploadMs}`);
  assert(performance.now() - startMs - uploadMs >= leastMs);
  await equal('limited', bytes);
});

test('a limit far below what a stall takes is no stall', async () => {
  await using session = open({ bytesPerSecond: 100_000, stallMs: 200 });
  const bytes = randomBytes(100_000);
  await put(session, 'very-limited', bytes);
  await equal('very-limited', bytes);
});

/** A server that answers small requests and keeps large ones until they are let go. */
async function startHoldingServer() {
  const directory = join(folder, 'holding');
  const authority = await openCertificateAuthority({ directory, names: [], clock: systemClock });
  const identity = await authority.serverIdentity();
  const held: ServerResponse[] = [];
  const arrived: (() => void)[] = [];
  const listener = createServer({ key: identity.key, cert: identity.cert });
  listener.on('request', (request: IncomingMessage, response: ServerResponse) => {
    if (request.method === 'GET' && request.headers.accept === MEDIA_TYPES.json) {
      response.end('{}');
      return;
    }
    held.push(response);
    request.resume();
    arrived.splice(0).forEach((resolve) => resolve());
  });
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  return {
    url: `https://127.0.0.1:${(listener.address() as AddressInfo).port}`,
    ca: authority.caPem,
    held,
    /** Resolves when so many are kept. */
    holds: async (count: number): Promise<void> => {
      while (held.length < count) await new Promise<void>((resolve) => arrived.push(resolve));
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(listener, 'close');
      listener.close();
      listener.closeAllConnections();
      await closed;
    },
  };
}

test('a limited session has no more large exchanges under way than cross in a second', async () => {
  await using holding = await startHoldingServer();
  const { url, ca } = holding;
  const session = openSession({ url, ca, bytesPerSecond: 3 * LIMITS.bodyBytesTarget });
  const route = '/api/v1/storage/files';
  const downloads = Array.from({ length: 10 }, () =>
    session.request({ method: 'GET', route, accept: MEDIA_TYPES.tar }),
  );
  const ends = Promise.allSettled(downloads);
  await holding.holds(3);
  await session.request({ method: 'GET', route: '/api/v1/whoami' });
  assert.equal(holding.held.length, 3);
  await session[Symbol.asyncDispose]();
  assert((await ends).every(({ status }) => status === 'rejected'));
});

test('small requests never wait for large ones, of which there are only so many', async () => {
  await using holding = await startHoldingServer();
  const { url, ca } = holding;
  await using session = openSession({ url, ca });
  const bytes = new Uint8Array(100_000);
  const route = '/api/v1/storage/files';
  const uploads = Array.from({ length: 40 }, () =>
    session.request({ method: 'POST', route, body: { type: MEDIA_TYPES.bytes, bytes } }),
  );
  const downloads = Array.from({ length: 40 }, () =>
    session.request({ method: 'GET', route, accept: MEDIA_TYPES.tar }),
  );
  const large = LIMITS.uploadExchangesStart + LIMITS.downloadExchangesStart;
  await holding.holds(large);
  const small = Array.from({ length: 40 }, () =>
    session.request({ method: 'GET', route: '/api/v1/whoami' }),
  );
  await Promise.all(small);
  assert.equal(holding.held.length, large);
  for (let sent = 0; sent < 80; sent += 1) {
    await holding.holds(sent + 1);
    holding.held[sent]?.end();
  }
  await Promise.all([...uploads, ...downloads]);
});
