import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { setImmediate as turn } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { temporaryDirectory } from '../../test/support/server.ts';
import { concatBytes, copyBytes } from '../base/bytes.ts';
import { systemClock } from '../base/clock.ts';
import { isGdpfsError } from '../base/errors.ts';
import { BodyPieces } from './body-pieces.ts';
import { openCertificateAuthority } from './ca.ts';
import { PromptRequest } from './prompt-request.ts';

/** How each body is read, in the order of the requests. */
type Reader = (request: IncomingMessage) => Promise<string>;

let stack: AsyncDisposableStack;
let server: Server;
let ca: string;
let reader: Reader;

before(async () => {
  stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory()).path;
  const authority = await openCertificateAuthority({ directory, names: [], clock: systemClock });
  ca = authority.caPem;
  const { key, cert } = await authority.serverIdentity();
  const options = { key, cert, minVersion: 'TLSv1.3', IncomingMessage: PromptRequest } as const;
  server = createServer(options, (request: IncomingMessage, response: ServerResponse) => {
    void reader(request).then((text) => response.end(text));
  });
  server.on('clientError', (_error, socket) => socket.destroy());
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
});
after(async () => {
  server.close();
  server.closeAllConnections();
  await stack.disposeAsync();
});

async function open(): Promise<TLSSocket> {
  const { port } = server.address() as AddressInfo;
  const socket = connect({ host: '127.0.0.1', port, ca });
  socket.on('error', () => undefined);
  await once(socket, 'secureConnect');
  return socket;
}

const post = (body: Uint8Array, length = body.length): Uint8Array =>
  concatBytes([
    Buffer.from(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${length}\r\n\r\n`),
    body,
  ]);

/** The texts of that many answers on the connection. */
async function answers(socket: TLSSocket, count: number): Promise<string[]> {
  let text = '';
  for await (const bytes of socket.iterator({ destroyOnReturn: false })) {
    text += String(bytes);
    if (text.split('\r\n\r\n').length > count && text.endsWith('.')) break;
  }
  return [...text.matchAll(/\r\n\r\n([^.]*)\./g)].map(([, body = '']) => body);
}

interface Habits {
  /** Lengths of the places that it offers, again and again; 0 is none. */
  readonly places: readonly number[];
  /** Does it want to wait after a piece? Again and again. */
  readonly waits: readonly boolean[];
}

/** Reads a body, with habits, and says what was in it. */
function gather(expected: readonly Uint8Array[], { places, waits }: Habits): Reader {
  let index = 0;
  return async (request) => {
    const body = expected[index++] ?? new Uint8Array(0);
    const memory = new Uint8Array(body.length + Math.max(...places));
    let received = 0;
    let calls = 0;
    let isWaiting = false;
    await new BodyPieces(request, {
      length: body.length,
      place: () => {
        const length = places[calls % places.length] ?? 0;
        return length === 0 ? undefined : memory.subarray(received, received + length);
      },
      take: (piece) => {
        assert(!isWaiting, 'nothing comes while it waits');
        copyBytes(piece, memory, received);
        received += piece.length;
        calls += 1;
        if (waits[calls % waits.length] !== true) return undefined;
        isWaiting = true;
        return turn().then(() => {
          isWaiting = false;
        });
      },
    }).all();
    const isSame = received === body.length && body.every((byte, at) => byte === memory[at]);
    return isSame ? 'same.' : 'another.';
  };
}

/** Something that looks like requests, with a mark at each place. */
function bodyOf(length: number): Uint8Array {
  const pattern = Buffer.from('POST / HTTP/1.1\r\nContent-Length: 9\r\n\r\n');
  return Uint8Array.from({ length }, (_, at) => (pattern[at % 41] ?? at >> 8) & 0xff);
}

test('bodies come whole and are no requests, however they are cut, placed and held up', async () => {
  const length = fc.oneof(fc.nat(200), fc.integer({ min: 100_000, max: 700_000 }));
  const places = fc.array(fc.constantFrom(0, 1, 5000, 16_384, 100_000, 1_000_000), {
    minLength: 1,
    maxLength: 5,
  });
  const habits = fc.record({
    places,
    waits: fc.array(fc.boolean(), { minLength: 1, maxLength: 5 }),
  });
  const lengths = fc.array(length, { minLength: 1, maxLength: 4 });
  const cuts = fc.array(fc.integer({ min: 1, max: 300_000 }), { minLength: 1, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(lengths, habits, cuts, async (all, how, pieces) => {
      const bodies = all.map(bodyOf);
      reader = gather(bodies, how);
      const sent = concatBytes(bodies.map((body) => post(body)));
      const socket = await open();
      for (let at = 0, index = 0; at < sent.length; index += 1) {
        const piece = sent.subarray(at, at + (pieces[index % pieces.length] ?? 1));
        socket.write(piece);
        at += piece.length;
        if (index % 2 === 1) await turn();
      }
      assert.deepEqual(
        await answers(socket, bodies.length),
        bodies.map(() => 'same'),
      );
      socket.destroy();
    }),
    { numRuns: 40 },
  );
});

test('a large body comes to the place that its reader offers, but for its beginning', async () => {
  const body = bodyOf(700_000);
  const memory = new Uint8Array(body.length);
  let received = 0;
  let placedBytes = 0;
  reader = async (request) => {
    await new BodyPieces(request, {
      length: body.length,
      place: () => memory.subarray(received),
      take: (piece) => {
        if (piece.buffer === memory.buffer) placedBytes += piece.length;
        copyBytes(piece, memory, received);
        received += piece.length;
        return undefined;
      },
    }).all();
    return 'done.';
  };
  const socket = await open();
  socket.write(post(body));
  assert.deepEqual(await answers(socket, 1), ['done']);
  assert.deepEqual(memory, body);
  assert(placedBytes >= body.length / 2, `${placedBytes} bytes were not copied`);
  socket.destroy();
});

test('a reader that fails in the middle gets nothing more, and the next request is read as one', async () => {
  for (const isLate of [false, true]) {
    let requests = 0;
    reader = async (request) => {
      requests += 1;
      let pieces = 0;
      const memory = new Uint8Array(400_000);
      try {
        await new BodyPieces(request, {
          length: 400_000,
          place: () => memory,
          take: () => {
            pieces += 1;
            if (requests > 1 || pieces < 3) return undefined;
            assert.equal(pieces, 3);
            if (!isLate) throw new Error('enough');
            return turn().then(() => Promise.reject(new Error('enough')));
          },
        }).all();
        return 'whole.';
      } catch (error) {
        // As for an answer to a body that is still to come.
        await once(request.resume(), 'end');
        return `${(error as Error).message}.`;
      }
    };
    const socket = await open();
    socket.write(concatBytes([post(bodyOf(400_000)), post(bodyOf(400_000))]));
    assert.deepEqual(await answers(socket, 2), ['enough', 'whole']);
    assert.equal(requests, 2);
    socket.destroy();
  }
});

test('a client that goes away in the middle of a body is unavailable, whether it says so or not', async () => {
  for (const leave of ['end', 'destroy'] as const) {
    const gone = Promise.withResolvers<unknown>();
    reader = async (request) => {
      const come = Promise.withResolvers<void>();
      let received = 0;
      const all = new BodyPieces(request, {
        length: 900_000,
        place: () => undefined,
        take: ({ length }) => {
          received += length;
          if (received === 500_000) come.resolve();
          return undefined;
        },
      }).all();
      all.catch(gone.resolve);
      await come.promise;
      leaving();
      return await all.then(() => 'whole.').catch(() => 'gone.');
    };
    const socket = await open();
    const leaving = (): void => void socket[leave]();
    socket.write(post(bodyOf(500_000), 900_000));
    const error = await gone.promise;
    assert(isGdpfsError(error, 'unavailable'), String(error));
    socket.destroy();
  }
});
