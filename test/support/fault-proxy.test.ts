import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { after, afterEach, before, beforeEach, test } from 'node:test';
import { FaultProxy, randomFault } from './fault-proxy.ts';
import { Random } from './random.ts';

/** The proxy itself: a test through it proves nothing if it harms too little or too much. */

const TEXT = Buffer.from('0123456789');

/** Answers each connection with what it got, in upper case or not, and ends it. */
let echo: Server;
let proxy: FaultProxy;

before(async () => {
  echo = await listen((socket) => {
    void buffer(socket).then(
      (bytes) => socket.end(bytes),
      () => {},
    );
  });
});
after(() => void echo.close());

beforeEach(async () => {
  proxy = await FaultProxy.start(urlOf(echo));
});
afterEach(() => proxy[Symbol.asyncDispose]());

async function listen(serve: (socket: Socket) => void): Promise<Server> {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    socket.on('error', () => {});
    serve(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return server;
}

function urlOf(server: Server): string {
  return `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function open(): Socket {
  const port = Number(new URL(proxy.url).port);
  return connect({ port, host: '127.0.0.1', allowHalfOpen: true });
}

/** What comes back, or the code of the error. */
async function exchange(bytes: Uint8Array = TEXT): Promise<string> {
  const socket = open();
  socket.end(bytes);
  try {
    return (await buffer(socket)).toString();
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

test('passes bytes on both ways and counts them', async () => {
  assert.equal(await exchange(), '0123456789');
  const large = new Uint8Array(3_000_000).fill(65);
  assert.equal((await exchange(large)).length, large.length);
  assert.deepEqual(proxy.bytes, { up: 3_000_010, down: 3_000_010 });
  assert.deepEqual([proxy.connections, proxy.happened], [2, 0]);
});

test('cuts before any byte of either direction', async () => {
  for (const at of [0, 1, 5, 9]) {
    proxy.inject({ direction: 'down', at, kind: 'cut' });
    assert.equal(await exchange(), TEXT.toString().slice(0, at));
    proxy.inject({ direction: 'up', at, kind: 'cut' });
    assert.equal(await exchange(), '');
    proxy.inject({ direction: 'up', at, kind: 'reset' });
    assert.equal(await exchange(), 'ECONNRESET');
  }
  assert.equal(await exchange(), '0123456789', 'each fault happens once');
  assert.equal(proxy.happened, 12);
});

test('changes one byte, and doubles some', async () => {
  proxy.inject({ direction: 'up', at: 3, kind: 'corrupt', mask: 4 });
  assert.equal(await exchange(), '0127456789');
  proxy.inject(
    { direction: 'up', at: 3, kind: 'duplicate', length: 2 },
    { direction: 'down', at: 10, kind: 'corrupt', mask: 1 },
  );
  assert.equal(await exchange(), '012343456799');
  assert.deepEqual(proxy.pending, []);
});

test('holds a stalled direction until somebody ends the connection', async () => {
  proxy.inject({ direction: 'down', at: 4, kind: 'stall' });
  const socket = open();
  const pieces: Buffer[] = [];
  const stalled = new Promise<void>((resolve) => {
    socket.on('data', (piece: Buffer) => {
      if (Buffer.concat([...pieces, piece]).length === 4) resolve();
      pieces.push(piece);
    });
  });
  socket.end(TEXT);
  await stalled;
  assert.equal(await exchange(), '0123456789', 'other connections go on');
  assert.equal(Buffer.concat(pieces).toString(), '0123');
  const closed = once(socket, 'close');
  proxy.cutAll();
  await closed;
});

test('delays what comes behind a byte, and nothing gets lost', async () => {
  proxy.inject(
    { direction: 'up', at: 2, kind: 'delay', ms: 5 },
    { direction: 'up', at: 2, kind: 'delay', ms: 5 },
    { direction: 'down', at: 7, kind: 'delay', ms: 5 },
  );
  assert.equal(await exchange(), '0123456789');
  assert.equal(proxy.happened, 3);
});

test('counts positions from the injection, of all connections or of one', async () => {
  await exchange();
  proxy.inject({ direction: 'up', at: 15, kind: 'corrupt', mask: 1 });
  assert.equal(await exchange(), '0123456789');
  assert.equal(await exchange(), '0123446789');
  proxy.inject({ direction: 'up', at: 5, connection: 1, kind: 'corrupt', mask: 1 });
  assert.equal(await exchange(), '0123456789');
  assert.equal(await exchange(), '0123446789');
});

test('lets something happen exactly when a byte comes', async () => {
  const reached = proxy.reached('up', 5).then(() => ({ ...proxy.bytes }));
  assert.equal(await exchange(), '0123456789');
  assert.deepEqual(await reached, { up: 5, down: 0 });
  proxy.inject({ direction: 'up', at: 5, kind: 'run', action: () => proxy.cutAll() });
  assert.equal(await exchange(), '');
});

test('follows a server to another port, and breaks connections while it is away', async () => {
  const other = await listen((socket) => void socket.resume().end('other'));
  proxy.moveTo(urlOf(other));
  assert.equal(await exchange(), 'other');
  const gone = once(other, 'close');
  other.close();
  await gone;
  assert.match(await exchange(), /^(ECONNRESET|EPIPE|)$/);
  proxy.moveTo(urlOf(echo));
  assert.equal(await exchange(), '0123456789');
});

test('randomFault() makes every kind, within its bytes, from a seed', () => {
  const faults = (seed: number) => {
    const random = new Random(seed);
    return Array.from({ length: 200 }, () => randomFault(random, { bytes: 50 }));
  };
  assert.deepEqual(faults(1), faults(1));
  assert.notDeepEqual(faults(1), faults(2));
  assert.equal(new Set(faults(1).map(({ kind }) => kind)).size, 6);
  assert(faults(1).every(({ at }) => at >= 0 && at < 50));
});
