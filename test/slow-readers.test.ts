import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { TLSSocket } from 'node:tls';
import { after, before, test } from 'node:test';
import { LIMITS } from '../src/base/limits.ts';
import { encodeTar } from '../src/wire/tar-writer.ts';
import type { HttpClient } from './support/http-client.ts';
import { connectAs } from './support/raw-request.ts';
import { startWithUsers } from './support/users.ts';

/** What is asked for and not read. */

const SELECTION = '/api/v1/storage/tar';
const PACK = 'application/vnd.gdpfs.files';
const FILE_BYTES = LIMITS.smallFileBytesMax;
/** As much as an answer may hold: more than a connection takes that nobody reads. */
const NAMES = Array.from({ length: LIMITS.tarBytesMax / FILE_BYTES }, (_, index) => `f${index}`);
const SELECTED = JSON.stringify({ paths: NAMES });
/** So many fill what one principal may have. */
const FILLING = LIMITS.bodiesPerPrincipalBytesMax / LIMITS.tarBytesMax;

let stack: AsyncDisposableStack;
let admin: HttpClient;
let alice: HttpClient;
let bob: HttpClient;

before(async () => {
  stack = new AsyncDisposableStack();
  ({ admin, alice, bob } = stack.use(await startWithUsers(['alice', 'bob'])));
  // Some files at a time: a stream holds less with its headers than an answer without.
  for (let start = 0; start < NAMES.length; start += NAMES.length / 4) await fill(alice, start);
  await fill(bob, 0);
});
after(() => stack.disposeAsync());

async function fill(user: HttpClient, start: number): Promise<void> {
  const path = user === alice ? '/alice' : '/bob';
  const names = NAMES.slice(start, start + NAMES.length / 4);
  const body = encodeTar(
    names.map((name, index) => {
      const data = new Uint8Array(FILE_BYTES).fill(start + index + 1);
      return { kind: 'file', path: name, data, mode: 0o644, mtimeUs: 0 };
    }),
  );
  const request = { query: { path }, body, type: 'application/x-tar' };
  const answer = await user.send('POST', '/api/v1/storage/files', request);
  assert.equal(answer.status, 201, answer.text);
}

/** A connection of alice's on which something was asked for; what comes is read only if somebody listens. */
async function connected(request: string): Promise<TLSSocket> {
  const socket = await connectAs(alice.options);
  socket.write(request);
  return socket;
}

/** For all files. */
function ask(): Promise<TLSSocket> {
  return connected(
    `POST ${SELECTION}?path=/alice HTTP/1.1\r\nHost: x\r\nAccept: ${PACK}\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${SELECTED.length}\r\n\r\n${SELECTED}`,
  );
}

async function hasBegun(socket: TLSSocket): Promise<void> {
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  socket.pause();
  assert.match(bytes.toString('latin1'), /^HTTP\/1\.1 200 /);
}

test('answers that one principal does not read take its own memory, and when they end it goes on', async () => {
  const slow: TLSSocket[] = [];
  for (let count = 0; count < FILLING; count += 1) {
    const socket = await ask();
    await hasBegun(socket);
    slow.push(socket);
  }
  const next = await ask();
  let isAnswered = false;
  next.once('data', () => {
    isAnswered = true;
    next.pause();
  });
  // Of somebody else, a quarter of as much: it comes whole, and leaves the other the time to come.
  const headers = { accept: PACK };
  const query = { path: '/bob' };
  const answer = await bob.send('POST', SELECTION, { query, json: { paths: NAMES }, headers });
  assert.equal(answer.status, 200, answer.text);
  assert(answer.bytes.length > LIMITS.tarBytesMax / 4);
  assert.equal(isAnswered, false);
  for (const socket of slow) socket.destroy();
  if (!isAnswered) await once(next, 'data');
  next.destroy();
});

/** More than connections take that nobody reads, for so many that they would hold more than one user may. */
const LARGE_BYTES = 24 * 1024 * 1024;
const READERS = 48;
const LISTERS = 20;
/** What is read at once, and some headers. */
const PIECE_BYTES_MAX = 3 * 1024 * 1024;

const LISTED = 10_000;

/** Names of which a listing is long. */
async function fillNames(): Promise<void> {
  const entries = Array.from({ length: LISTED }, (_, index) => {
    const path = `${index}${'n'.repeat(240)}`;
    return { kind: 'symlink', path, target: 't', mode: 0o777, mtimeUs: 0 } as const;
  });
  for (let start = 0; start < LISTED; start += 1000) {
    const request = { query: { path: '/alice/names', parents: true }, type: 'application/x-tar' };
    const body = encodeTar(entries.slice(start, start + 1000));
    const answer = await alice.send('POST', '/api/v1/storage/files', { ...request, body });
    assert.equal(answer.status, 201, answer.text);
  }
}

for (const [what, target] of [
  ['chunks', `/api/v1/storage/file/chunks?path=/alice/large&ranges=0:${LARGE_BYTES}`],
  ['a file', '/api/v1/storage/files?path=/alice/large'],
  ['listings', `/api/v1/files?path=/alice/names&list=children&limit=${LISTED}`],
] as const) {
  test(`${what} that one principal does not read take its own memory, and when they end it goes on`, async () => {
    const query = { path: '/alice/large' };
    const body = new Uint8Array(LARGE_BYTES);
    for (let at = 0; at < LARGE_BYTES; at += LARGE_BYTES / 96) body[at] = at % 251;
    await alice.send('POST', '/api/v1/storage/files', { query, body });
    if (what === 'listings') await fillNames();
    const request = `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`;
    const slow = await Promise.all(
      Array.from({ length: what === 'listings' ? LISTERS : READERS }, () => connected(request)),
    );
    await until((bytes) => bytes > LIMITS.bodiesPerPrincipalBytesMax - PIECE_BYTES_MAX);
    assert((await answersOf()) <= LIMITS.bodiesPerPrincipalBytesMax);
    const headers = { accept: PACK };
    const others = { query: { path: '/bob' }, json: { paths: NAMES }, headers };
    assert.equal((await bob.send('POST', SELECTION, others)).status, 200);
    for (const socket of slow) socket.destroy();
    await until((bytes) => bytes === 0);
    const answer = await alice.send('GET', '/api/v1/storage/files', { query });
    assert.deepEqual(answer.bytes, body);
  });
}

/** Memory for answers, as the server says. */
async function answersOf(): Promise<number> {
  const { text } = await admin.send('GET', '/metrics');
  const [, value] = /^gdpfs_memory_bytes\{held="answers"\} (\d+)$/m.exec(text) ?? [];
  return Number(value);
}

async function until(isRight: (value: number) => boolean): Promise<void> {
  while (!isRight(await answersOf()));
}
