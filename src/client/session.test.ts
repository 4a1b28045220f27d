import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { startServerHere, temporaryDirectory } from '../../test/support/server.ts';
import { startTestClient, type TestClient, VOLUME } from '../../test/support/session.ts';
import { rejectsWith } from '../../test/support/rejects.ts';
import { openConnection } from './connection.ts';
import { makeDirectory, stat } from './files.ts';
import { openSession } from './session.ts';
import { whoami } from './volumes.ts';

let client: TestClient;

before(async () => {
  client = await startTestClient();
});

after(() => client[Symbol.asyncDispose]());

test('a session speaks for its principal', async () => {
  const { principal, role } = await whoami(client.session);
  assert.deepEqual([principal, role], ['admin', 'admin']);
});

test('a session throws what the server answers, with its code', async () => {
  await rejectsWith(stat(client.session, `/${VOLUME}/none`), 'not_found');
  await makeDirectory(client.session, `/${VOLUME}/directory`);
  await rejectsWith(makeDirectory(client.session, `/${VOLUME}/directory`), 'exists');
  await rejectsWith(stat(client.session, 'relative'), 'bad_request');
});

test('a session without certificate is told that it needs one', async () => {
  const { url, ca } = client.identity;
  await using anonymous = openSession({ url, ca });
  await rejectsWith(whoami(anonymous), 'certificate_required');
});

test('a connection does not talk to a server that another authority certifies', async () => {
  await using other = await temporaryDirectory();
  await using stranger = await startServerHere(join(other.path, 'data'));
  const { url } = stranger;
  await using connection = openConnection({ ...client.identity, url });
  const exchange = { method: 'GET', target: '/healthz', headers: {} } as const;
  await rejectsWith(connection.exchange(exchange), 'untrusted');
});

test('a connection says that nobody is there, or that the answer was cut off', async () => {
  const listener = createServer((socket) => socket.destroy());
  listener.listen(0, '127.0.0.1');
  await once(listener, 'listening');
  const { port } = listener.address() as AddressInfo;
  const url = `https://127.0.0.1:${port}`;
  const exchange = { method: 'GET', target: '/healthz', headers: {} } as const;
  await using connection = openConnection({ ...client.identity, url });
  await rejectsWith(connection.exchange(exchange), 'unavailable');
  listener.close();
  await once(listener, 'close');
  await rejectsWith(connection.exchange(exchange), 'unavailable');
});

test('a request ends when it is aborted', async () => {
  const signal = AbortSignal.abort(new Error('enough'));
  await assert.rejects(whoami(client.session, { signal }), /enough/);
});
