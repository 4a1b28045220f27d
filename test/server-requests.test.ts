import assert from 'node:assert/strict';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { BAD_REQUESTS } from './support/bad-requests.ts';
import type { HttpClient } from './support/http-client.ts';
import type { TestServer } from './support/server.ts';
import { startWithUsers } from './support/users.ts';
import { assertProblem, assertRefused } from './support/volume-state.ts';

let stack: AsyncDisposableStack;
let server: TestServer;
let admin: HttpClient;
let alice: HttpClient;
let upload = '';

before(async () => {
  stack = new AsyncDisposableStack();
  ({ server, admin, alice } = stack.use(await startWithUsers(['alice'])));
  await alice.send('POST', '/api/v1/files', { json: { path: '/alice/d', kind: 'directory' } });
  await alice.send('POST', '/api/v1/files', {
    json: { path: '/alice/f', kind: 'file', size: 100 },
  });
  await alice.send('POST', '/api/v1/files', {
    json: { path: '/alice/l', kind: 'symlink', target: 'f' },
  });
  const json = { path: '/alice/u', kind: 'upload', size: 100 };
  const opened = await alice.send('POST', '/api/v1/files', { json });
  ({ upload } = opened.json as { upload: string });
});
after(() => stack.disposeAsync());

const FILES = '/api/v1/files';

for (const { what, method, path, request, code, status } of BAD_REQUESTS) {
  test(`${method} ${path}: ${what} is refused with ${code}`, async () => {
    await assertRefused(alice, { volume: 'alice', code, status }, () =>
      alice.send(method, path, typeof request === 'function' ? request(upload) : request),
    );
  });
}

test('a repeated parameter is refused', async () => {
  const answer = await alice.send('GET', `${FILES}?path=/alice&path=/alice/f`);
  assertProblem(answer, { code: 'bad_request', status: 400 });
});

test('a path that is not UTF-8 is refused, not repaired', async () => {
  const answer = await alice.send('GET', `${FILES}?path=/alice/%ff`);
  assertProblem(answer, { code: 'bad_request', status: 400 });
});

test('a volume that exists, or of a kind that is not supported yet, is refused', async () => {
  for (const [body, code] of [
    [{ name: 'alice' }, 'exists'],
    [{ name: 'other', custody: 'client' }, 'bad_request'],
    [{ name: 'UPPER' }, 'bad_request'],
    [{ name: 'x'.repeat(33) }, 'bad_request'],
  ] as const) {
    assert.equal((await admin.send('POST', '/api/v1/volumes', { json: body })).code, code);
  }
});

test('the connection can be used again after a refusal that read the whole body', async () => {
  const { port } = new URL(server.url);
  const bad = JSON.stringify({ path: '/alice/x', kind: 'fifo' });
  const answer = await raw(
    `POST ${FILES} HTTP/1.1\r\nHost: x:${port}\r\nContent-Type: application/json\r\n` +
      `Content-Length: ${bad.length}\r\n\r\n${bad}` +
      `GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`,
  );
  assert.match(answer, /^HTTP\/1.1 400 [^]*HTTP\/1.1 200 OK/);
});

test('a refusal of a request without a body does not end the connection for those behind it', async () => {
  const missing = `GET ${FILES}?path=%2Falice%2Fnone HTTP/1.1\r\nHost: x\r\n\r\n`;
  const last = 'GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
  const answer = await raw(missing + missing + last);
  assert.match(answer, /^HTTP\/1.1 404 [^]*HTTP\/1.1 404 [^]*HTTP\/1.1 200 OK/);
});

test('a body that is far too long gets its answer before it has been sent, and the connection ends', async () => {
  const head =
    `POST ${FILES} HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n` +
    'Content-Length: 99999999999\r\n\r\n';
  const answer = await raw(head + 'x'.repeat(100_000));
  assert.match(answer, /^HTTP\/1.1 413 /);
  assert.match(answer, /connection: close/i);
});

for (const [what, request] of [
  ['a head that is too long', `GET /healthz HTTP/1.1\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`],
  ['what is not HTTP', 'SSH-2.0-OpenSSH_9.2\r\n\r\n'],
  ['two lengths', 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n'],
  [
    'a length and chunks',
    'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
  ],
  ['a request without Host', 'GET /healthz HTTP/1.1\r\nConnection: close\r\n\r\n'],
  [
    'an expectation that is unknown',
    'GET /healthz HTTP/1.1\r\nHost: x\r\nExpect: wonders\r\nConnection: close\r\n\r\n',
  ],
] as const) {
  test(`${what} gets a problem document and the connection ends`, async () => {
    const answer = await raw(request);
    assert.match(answer, /^HTTP\/1.1 400 [^]*application\/problem\+json[^]*"code":"bad_request"/);
  });
}

/** What comes back on a connection of alice's, until the server closes it. */
async function raw(request: string): Promise<string> {
  const { ca, key, certificate } = alice.options;
  const { hostname: host, port } = new URL(server.url);
  const socket = connect({ host, port: Number(port), ca, key, cert: certificate });
  await once(socket, 'secureConnect');
  socket.write(request);
  return await text(socket);
}
