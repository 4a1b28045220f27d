/** Long waits of a client, and what it asks for beside them and behind them. */
import assert from 'node:assert/strict';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { LIMITS } from '../src/base/limits.ts';
import { watchChanges } from '../src/client/changes.ts';
import { makeDirectory, stat } from '../src/client/files.ts';
import { openSession, type Session } from '../src/client/session.ts';
import type { ChangePage } from '../src/wire/generated/api.ts';
import { connectAs } from './support/raw-request.ts';
import { startWithUsers, type TestUsers } from './support/users.ts';

const FEED = '/api/v1/volumes/alice/changes';
const FILES = '/api/v1/files';

let users: TestUsers<'alice'>;
let session: Session;

before(async () => {
  users = await startWithUsers(['alice']);
  session = openOwn();
  await makeDirectory(session, '/alice/open');
});
after(async () => {
  await session[Symbol.asyncDispose]();
  await users[Symbol.asyncDispose]();
});

function openOwn(): Session {
  const { ca, certificate = '', key = '' } = users.alice.options;
  return openSession({ url: users.server.url, ca, certificate, key });
}

async function end(): Promise<number> {
  return ((await users.alice.send('GET', FEED)).json as ChangePage).next;
}

test('what is asked for meanwhile waits behind no watch, however many there are', async () => {
  const stop = new AbortController();
  const from = await end();
  const watches = Array.from({ length: LIMITS.smallExchangesMax + 1 }, async () => {
    const options = { volume: 'alice', path: 'open', follow: true, from, signal: stop.signal };
    for await (const { path } of watchChanges(session, options)) return path;
    return undefined;
  });
  const ended = Promise.allSettled(watches);
  for (let count = 0; count < 3; count += 1) await stat(session, '/alice/open');
  await makeDirectory(session, '/alice/open/watched');
  assert.deepEqual(
    (await ended).map((each) => each.status === 'fulfilled' && each.value),
    watches.map(() => '/alice/open/watched'),
  );
  // Polls that begin while there is no connection, and a question in the same moment.
  await using fresh = openOwn();
  const query = { path: 'open', from: await end(), wait: LIMITS.feedWaitSeconds };
  const poll = { method: 'GET', route: FEED, query, isLong: true, signal: stop.signal } as const;
  const polled = fresh.request(poll).then(
    () => 'answered',
    () => 'stopped',
  );
  await stat(fresh, '/alice/open');
  stop.abort();
  assert.equal(await polled, 'stopped');
});

test('what is sent before a wait is over is done after it', async () => {
  const socket = await connectAs(users.alice.options);
  const { host } = new URL(users.server.url);
  const from = await end();
  const body = JSON.stringify({ path: '/alice/open/behind', kind: 'directory' });
  socket.write(
    `GET ${FEED}?from=${from}&wait=${LIMITS.feedWaitSeconds} HTTP/1.1\r\nHost: ${host}\r\n\r\n` +
      `POST ${FILES} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${body.length}\r\n\r\n${body}`,
  );
  const answers = text(socket);
  for (let count = 0; count < 5; count += 1) {
    const query = { path: '/alice/open/behind' };
    assert.equal((await users.alice.send('GET', FILES, { query })).status, 404);
  }
  await makeDirectory(session, '/alice/open/before');
  assert.match(await answers, /^HTTP\/1\.1 200 [^]*open\/before[^]*HTTP\/1\.1 201 /);
});
