/** How a connection sends requests and gets answers, large ones too, from servers that do what ours never does. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { type AddressInfo, createServer as createSilentServer, type Socket } from 'node:net';
import { createServer, type TLSSocket } from 'node:tls';
import { after, before, test } from 'node:test';
import { systemClock } from '../src/base/clock.ts';
import {
  beginConnection,
  dropOffered,
  offerConnection,
} from '../src/client/answers/begun-connection.ts';
import { type Answer, type Connection, openConnection } from '../src/client/connection.ts';
import { type CertificateAuthority, openCertificateAuthority } from '../src/server/ca.ts';
import { temporaryDirectory } from './support/server.ts';
import { rejectsWith } from './support/rejects.ts';

let stack: AsyncDisposableStack;
let authority: CertificateAuthority;

before(async () => {
  stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory()).path;
  authority = await openCertificateAuthority({ directory, names: [], clock: systemClock });
});
after(() => stack.disposeAsync());

interface Scripted extends AsyncDisposable {
  readonly connection: Connection;
  /** How often somebody connected. */
  readonly connects: () => number;
}

/** A connection to a server that calls `answer` for each request. */
async function scripted(
  answer: (socket: TLSSocket, target: string, bytes: Buffer) => void,
): Promise<Scripted> {
  const { key, cert } = await authority.serverIdentity();
  let connects = 0;
  const sockets = new Set<TLSSocket>();
  const server = createServer({ key, cert, minVersion: 'TLSv1.3' }, (socket) => {
    connects += 1;
    sockets.add(socket);
    socket.on('error', () => undefined).once('close', () => sockets.delete(socket));
    socket.on('data', (bytes: Buffer) => {
      const [, target = ''] =
        /^(?:GET|POST) (\S+) HTTP\/1\.1\r\n/.exec(bytes.toString('latin1')) ?? [];
      answer(socket, target, bytes);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `https://127.0.0.1:${port}`;
  const connection = openConnection({ url, ca: authority.caPem });
  return {
    connection,
    connects: () => connects,
    [Symbol.asyncDispose]: async () => {
      await connection[Symbol.asyncDispose]();
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

function get(connection: Connection, into: Uint8Array, target = '/'): Promise<Answer> {
  const half = Math.floor(into.length / 2);
  const views = [into.subarray(0, half), into.subarray(half)];
  return connection.exchange({ method: 'GET', target, headers: { 'x-test': '1' }, into: views });
}

const OK = 'HTTP/1.1 200 OK\r\n';
const content = randomBytes(300_000);
const announced = `content-length: ${content.length}\r\n`;
const sendWhole = (socket: TLSSocket, more = ''): void => {
  socket.write(`${OK}${announced}${more}\r\n`);
  socket.write(content);
};

test('large answers come whole, one after the other on one connection', async () => {
  await using server = await scripted((socket) => sendWhole(socket));
  for (let round = 0; round < 3; round += 1) {
    const into = new Uint8Array(content.length);
    const answer = await get(server.connection, into);
    assert.deepEqual([answer.status, answer.bodyBytes], [200, content.length]);
    assert(content.equals(into));
  }
  assert.equal(server.connects(), 1);
});

test('large answers at the same time do not mix', async () => {
  await using server = await scripted((socket, target) => {
    const bytes = Buffer.alloc(200_000, Number(target.slice(1)));
    socket.write(`${OK}content-length: ${bytes.length}\r\n\r\n`);
    socket.write(bytes);
  });
  const gets = Array.from({ length: 8 }, async (_, index) => {
    const into = new Uint8Array(200_000);
    await get(server.connection, into, `/${index + 1}`);
    assert(into.every((byte) => byte === index + 1));
  });
  await Promise.all(gets);
  assert(server.connects() <= gets.length);
});

test('a connection that its server closes is not used again', async () => {
  await using server = await scripted((socket) => {
    sendWhole(socket, 'connection: close\r\n');
    socket.end();
  });
  for (let round = 1; round <= 2; round += 1) {
    await get(server.connection, new Uint8Array(content.length));
    assert.equal(server.connects(), round);
  }
});

test('an answer of unknown length comes whole too', async () => {
  await using server = await scripted((socket) => {
    socket.write(`${OK}transfer-encoding: chunked\r\n\r\n`);
    socket.write(`${content.length.toString(16)}\r\n`);
    socket.write(content);
    socket.write('\r\n0\r\n\r\n');
  });
  for (let round = 0; round < 2; round += 1) {
    const into = new Uint8Array(content.length);
    const answer = await get(server.connection, into);
    assert.equal(answer.bodyBytes, content.length);
    assert(content.equals(into));
  }
});

test('an answer that ends with its connection comes whole too, and so do all later ones', async () => {
  await using server = await scripted((socket) => {
    socket.write('HTTP/1.0 200 OK\r\n\r\n');
    socket.end(content);
  });
  for (let round = 0; round < 2; round += 1) {
    const into = new Uint8Array(content.length);
    assert.equal((await get(server.connection, into)).bodyBytes, content.length);
    assert(content.equals(into));
  }
  // The first one twice.
  assert.equal(server.connects(), 3);
});

const post = (connection: Connection, body: Uint8Array): Promise<Answer> =>
  connection.exchange({ method: 'POST', target: '/', headers: { 'x-test': '1' }, body });

test('bodies of requests come whole, one after the other on one connection', async () => {
  let received: Buffer = Buffer.alloc(0);
  await using server = await scripted((socket, _target, bytes) => {
    received = Buffer.concat([received, bytes]);
    const [head = ''] = received.toString('latin1').split('\r\n\r\n');
    const length = Number(/content-length: (\d+)/.exec(head)?.[1]);
    const body = received.subarray(head.length + 4);
    if (body.length < length) return;
    received = Buffer.alloc(0);
    socket.write(`${OK}content-length: ${body.length}\r\n\r\n`);
    socket.write(body);
  });
  for (const length of [0, 1, 64 * 1024, 64 * 1024 + 1, content.length]) {
    const answer = await post(server.connection, content.subarray(0, length));
    assert(content.subarray(0, length).equals(answer.body), `${length} bytes`);
  }
  assert.equal(server.connects(), 1);
});

test('an answer may come before the whole body was sent; its connection is not used again', async () => {
  await using server = await scripted((socket) => {
    if (!socket.isPaused()) {
      socket.pause();
      socket.write('HTTP/1.1 413 Too Large\r\ncontent-length: 3\r\n\r\nbad');
    }
  });
  // More than the sockets hold.
  const body = new Uint8Array(32 * 1024 * 1024);
  for (let round = 1; round <= 2; round += 1) {
    const answer = await post(server.connection, body);
    assert.deepEqual([answer.status, Buffer.from(answer.body).toString()], [413, 'bad']);
    assert.equal(server.connects(), round);
  }
});

test('small requests that come at the same time share the first connection, answers in order', async () => {
  await using server = await scripted((socket, _target, bytes) => {
    const targets = [...bytes.toString('latin1').matchAll(/^GET (\S+) /gm)].map(([, path]) => path);
    for (const target of targets) {
      socket.write(`${OK}content-length: ${target?.length ?? 0}\r\n\r\n${target}`);
    }
  });
  const { connection } = server;
  const ask = async (target: string): Promise<string> => {
    const answer = await connection.exchange({ method: 'GET', target, headers: {} });
    return Buffer.from(answer.body).toString();
  };
  const targets = ['/a', '/bb', '/ccc', '/dddd'];
  assert.deepEqual(await Promise.all(targets.map(ask)), targets);
  assert.equal(server.connects(), 1);
  // Later ones do not: each has a connection to itself, until it has its answer.
  assert.deepEqual(await Promise.all(targets.map(ask)), targets);
  assert(server.connects() > 1 && server.connects() <= targets.length);
});

test('of requests that share a connection, the end of one is not the end of the others', async () => {
  const aborting = new AbortController();
  const { signal } = aborting;
  let received = '';
  await using server = await scripted((socket, _target, bytes) => {
    received += bytes.toString('latin1');
    if (server.connects() > 1) socket.write(`${OK}content-length: 2\r\n\r\nok`);
    else if (/ \/first [^]* \/second /.test(received)) aborting.abort(new Error('enough'));
  });
  const { connection } = server;
  const first = connection.exchange({ method: 'GET', target: '/first', headers: {}, signal });
  const second = connection.exchange({ method: 'GET', target: '/second', headers: {} });
  await assert.rejects(first, /enough/);
  // It may be tried again.
  await rejectsWith(second, 'unavailable');
  const third = await connection.exchange({ method: 'GET', target: '/third', headers: {} });
  assert.equal(Buffer.from(third.body).toString(), 'ok');
});

test('a refusal is told with its body, which does not go where the content would', async () => {
  const body = JSON.stringify({ code: 'not_found' });
  await using server = await scripted((socket) => {
    const head = `HTTP/1.1 404 Not Found\r\ncontent-length: ${body.length}\r\nretry-after: 3\r\n\r\n`;
    socket.write(head + body.slice(0, 5));
    setImmediate(() => socket.write(body.slice(5)));
  });
  const into = new Uint8Array(10);
  const answer = await get(server.connection, into);
  assert.equal(answer.status, 404);
  assert.equal(answer.headers['retry-after'], '3');
  assert.equal(Buffer.from(answer.body).toString(), body);
  assert.deepEqual(into, new Uint8Array(10));
});

test('an answer that is cut off, or has more than there is room for, is none', async () => {
  await using server = await scripted((socket, target) => {
    if (target === '/cut') socket.end(`${OK}${announced}\r\nsome`);
    else if (target === '/silent') socket.end();
    else sendWhole(socket);
  });
  const room = new Uint8Array(content.length);
  await rejectsWith(get(server.connection, room, '/cut'), 'unavailable');
  await rejectsWith(get(server.connection, room, '/silent'), 'unavailable');
  await rejectsWith(get(server.connection, room.subarray(1), '/'), 'corrupt');
  await get(server.connection, room, '/');
  assert(content.equals(room));
});

test('what comes behind an answer is never taken for the next one', async () => {
  await using server = await scripted((socket, target) => {
    sendWhole(socket);
    if (target === '/more') socket.write(`${OK}content-length: 3\r\n\r\nbad`);
  });
  const into = new Uint8Array(content.length);
  await get(server.connection, into, '/more').catch(() => undefined);
  await get(server.connection, into, '/');
  assert(content.equals(into));
  assert.equal(server.connects(), 2);
});

test('a closed session ends what is under way, and a signal ends one exchange', async () => {
  await using server = await scripted((socket, target) => {
    if (target !== '/whole') socket.write(`${OK}${announced}\r\nsome`);
    else sendWhole(socket);
  });
  const { connection } = server;
  const into = new Uint8Array(content.length);
  const aborting = new AbortController();
  const aborted = connection.exchange({
    method: 'GET',
    target: '/',
    headers: {},
    into: [into],
    onMoved: () => aborting.abort(new Error('enough')),
    signal: aborting.signal,
  });
  await assert.rejects(aborted, /enough/);
  await get(connection, into, '/whole');
  const pending = get(connection, into);
  const closed = rejectsWith(pending, 'unavailable');
  await connection[Symbol.asyncDispose]();
  await closed;
});

test('a closed session ends a connection that is being made', async (t) => {
  // It takes connections and says nothing.
  const silent = createSilentServer().listen(0, '127.0.0.1');
  t.after(() => silent.close());
  await once(silent, 'listening');
  const { port } = silent.address() as AddressInfo;
  const connection = openConnection({ url: `https://127.0.0.1:${port}`, ca: authority.caPem });
  const connected = once(silent, 'connection');
  const exchange = connection.exchange({ method: 'GET', target: '/', headers: {} });
  const rejected = rejectsWith(exchange, 'unavailable');
  const [socket] = (await connected) as [Socket];
  await connection[Symbol.asyncDispose]();
  await rejected;
  socket.on('error', () => undefined).resume();
  if (!socket.destroyed) await once(socket, 'close');
});

test('a header that would be two is not sent', async () => {
  await using server = await scripted((socket) => sendWhole(socket));
  const headers = { 'if-match': '"a"\r\nx-other: 1' };
  const exchange = { method: 'GET', target: '/', headers, into: [] } as const;
  await rejectsWith(server.connection.exchange(exchange), 'bad_request');
  assert.equal(server.connects(), 0);
});

/** Answers as many requests as came at once. */
const answerEach = (socket: TLSSocket, _target: string, bytes: Buffer): void => {
  for (const [, target = ''] of bytes.toString('latin1').matchAll(/GET (\S+) HTTP/g)) {
    socket.write(`${OK}content-length: ${target.length}\r\n\r\n${target}`);
  }
};

async function ask({ connection }: Scripted, target: string): Promise<string> {
  const { body } = await connection.exchange({ method: 'GET', target, headers: {} });
  return Buffer.from(body).toString();
}

test('a connection that was begun early is taken by the first small requests, which share it', async () => {
  await using other = await scripted(answerEach);
  await using server = await scripted(answerEach);
  const identity = { ca: authority.caPem, cert: undefined, key: undefined };
  const begun = beginConnection({ ...identity, url: server.connection.url });
  await once(begun.socket, 'secureConnect');
  offerConnection(begun);
  // Not by whoever goes elsewhere.
  assert.equal(await ask(other, '/other'), '/other');
  const targets = ['/a', '/b', '/c'];
  assert.deepEqual(await Promise.all(targets.map((target) => ask(server, target))), targets);
  assert.equal(server.connects(), 1);
  assert(!begun.socket.destroyed);
  assert.equal(await ask(server, '/again'), '/again');
  assert.equal(server.connects(), 1);
});

test('a connection that was begun early and is lost is replaced, and one that nobody wants is ended', async () => {
  await using server = await scripted(answerEach);
  const identity = { url: server.connection.url, ca: authority.caPem };
  const begin = () => beginConnection({ ...identity, cert: undefined, key: undefined });
  const lost = begin();
  lost.socket.destroy();
  offerConnection(lost);
  assert.equal(await ask(server, '/a'), '/a');
  const unwanted = begin();
  offerConnection(unwanted);
  dropOffered();
  assert(unwanted.socket.destroyed);
});
