import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { after, before, test } from 'node:test';
import { LIMITS } from '../src/base/limits.ts';
import { encodeTar } from '../src/wire/tar-writer.ts';
import type { HttpClient } from './support/http-client.ts';
import { connectAs } from './support/raw-request.ts';
import { startWithUsers } from './support/users.ts';

/** Bodies that are announced and do not come. */

const STORAGE = '/api/v1/storage/files';
const TAR = 'application/x-tar';

let stack: AsyncDisposableStack;
let alice: HttpClient;
let bob: HttpClient;

before(async () => {
  stack = new AsyncDisposableStack();
  ({ alice, bob } = stack.use(await startWithUsers(['alice', 'bob'])));
});
after(() => stack.disposeAsync());

/** Sends the head of a request that has a body of so many bytes, on a connection of its own. */
async function announce(
  line: string,
  { length, type, by }: { length: number; type: string; by: Partial<HttpClient['options']> },
): Promise<TLSSocket> {
  const { url, ca } = alice.options;
  const socket = await connectAs({ ...by, url, ca });
  socket.write(
    `${line} HTTP/1.1\r\nHost: x\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n` +
      'Expect: 100-continue\r\n\r\n',
  );
  return socket;
}

/** More than is held without asking for room. */
const tar = encodeTar([
  { kind: 'file', path: 'f', data: new Uint8Array(200_000), mode: 0o644, mtimeUs: 0 },
]);

async function sendTar(user: HttpClient, path: string): Promise<void> {
  const answer = await user.send('POST', STORAGE, { query: { path }, body: tar, type: TAR });
  assert.equal(answer.status, 201, answer.text);
}

test('bodies of one user that do not come hold up nobody else, and when they end not the user either', async () => {
  const count = Math.ceil(LIMITS.bodiesBytesMax / LIMITS.tarBodyBytesMax) + 1;
  const sockets: TLSSocket[] = [];
  for (let index = 0; index < count; index += 1) {
    const about = { length: LIMITS.tarBodyBytesMax, type: TAR, by: alice.options };
    const socket = await announce(`POST ${STORAGE}?path=/alice`, about);
    // The server waits for the body from now on.
    const [bytes] = (await once(socket, 'data')) as [Buffer];
    assert.match(String(bytes), /^HTTP\/1\.1 100 /);
    sockets.push(socket);
  }
  await sendTar(bob, '/bob');
  for (const socket of sockets) socket.destroy();
  await sendTar(alice, '/alice');
});

test('a stranger cannot announce a body for which room would be kept', async () => {
  const about = { length: LIMITS.enrollBodyBytesMax + 1, type: 'application/json', by: {} };
  const socket = await announce('POST /api/v1/enroll', about);
  let answer = '';
  for await (const piece of socket) {
    answer += String(piece);
    if (/HTTP\/1\.1 413 [^]*"body_too_large"/.test(answer)) break;
  }
  assert.match(answer, /"body_too_large"/);
  assert(LIMITS.enrollBodyBytesMax <= 64 * 1024, 'it is held without asking for room');
});
