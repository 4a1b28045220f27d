/** Requests that pages of other sites make a browser send, with the certificate of whoever sits before it. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { loadContract } from '../src/wire/contract.ts';
import type { AuditPage } from '../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import type { HttpClient } from './support/http-client.ts';
import {
  addUser,
  anonymousClient,
  enrol,
  startServerHere,
  temporaryDirectory,
  type TestServer,
} from './support/server.ts';
import { assertProblem, volumeState } from './support/volume-state.ts';

const FILES = '/api/v1/files';
const PATH = '/alice/kept';

let stack: AsyncDisposableStack;
let server: TestServer;
let admin: HttpClient;
let alice: HttpClient;
let anonymous: HttpClient;

before(async () => {
  stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory()).path;
  server = stack.use(await startServerHere(directory));
  anonymous = stack.use(anonymousClient(server));
  admin = stack.use(await enrol(server, server.adminToken ?? ''));
  alice = stack.use(await addUser(server, admin, 'alice'));
  await alice.send('POST', FILES, { json: { path: PATH, kind: 'directory' } });
});
after(() => stack.disposeAsync());

/** What browsers say of such requests: the newer ones, and those of before. */
const FORGED: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'another site': { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' },
  'another port of this host': { 'sec-fetch-site': 'same-site' },
  'a page without an origin': { 'sec-fetch-site': 'cross-site', origin: 'null' },
  'another site, in an old browser': { origin: 'https://evil.example' },
  'another port, in an old browser': { origin: 'https://127.0.0.1:1' },
  'a page without an origin, in an old browser': { origin: 'null' },
  'this host without TLS, in an old browser': { origin: 'http://HOST' },
};

function forged(name: string): Record<string, string> {
  const host = new URL(server.url).host;
  const fields = Object.entries(FORGED[name] ?? {});
  return Object.fromEntries(fields.map(([field, value]) => [field, value.replace('HOST', host)]));
}

const operations = loadContract().operations.map(({ id, method, path, anonymous: isOpen }) => ({
  id,
  method,
  path: path.replace('{volume}', 'alice').replaceAll(/\{\w+\}/g, 'x'),
  isOpen: isOpen && method === 'GET',
}));

for (const name of Object.keys(FORGED)) {
  test(`every route but what all may read refuses ${name}, and nothing changes`, async () => {
    const before = await volumeState(admin, 'alice');
    for (const { id, method, path, isOpen } of operations) {
      const answer = await admin.send(method, path, { headers: forged(name) });
      if (isOpen) assert.doesNotMatch(answer.text, /another site/, id);
      else assertProblem(answer, { code: 'forbidden', status: 403 });
    }
    assert.deepEqual(await volumeState(admin, 'alice'), before);
  });
}

test('a form, a beacon and a link of another site change and read nothing', async () => {
  const headers = forged('another site');
  const query = { path: PATH };
  for (const type of ['text/plain', 'application/x-www-form-urlencoded', MEDIA_TYPES.bytes]) {
    const body = new TextEncoder().encode('x');
    const form = { query: { path: `${PATH}/f` }, headers, type, body };
    assertProblem(await alice.send('POST', '/api/v1/storage/files', form), {
      code: 'forbidden',
      status: 403,
    });
  }
  const removal = { query: { ...query, recursive: true }, headers };
  assertProblem(await alice.send('DELETE', FILES, removal), { code: 'forbidden', status: 403 });
  const reading = await alice.send('GET', FILES, { query, headers });
  assertProblem(reading, { code: 'forbidden', status: 403 });
  assert.equal((await alice.send('GET', FILES, { query })).status, 200);
});

test('what another site tried is in the audit log, with whose certificate it had', async () => {
  const headers = forged('another site');
  await alice.send('DELETE', FILES, { query: { path: '/alice/audited' }, headers });
  const { json } = await admin.send('GET', '/api/v1/admin/audit', { query: { limit: 1000 } });
  const { entries } = json as AuditPage;
  const found = entries.find(
    ({ operation, principal }) => operation === 'filesDelete' && principal === 'alice',
  );
  assert.equal(found?.code, 'forbidden');
  assert.match(
    found?.detail ?? '',
    /a page of another site made it \(Sec-Fetch-Site: cross-site, Origin: https:\/\/evil\.example\)/,
  );
});

test('a request with a preflight gets no leave from this server', async () => {
  const headers = {
    origin: 'https://evil.example',
    'access-control-request-method': 'DELETE',
    'sec-fetch-site': 'cross-site',
  };
  for (const client of [anonymous, alice]) {
    const answer = await client.send('OPTIONS', FILES, { headers });
    assert(answer.status >= 400);
    const leave = Object.keys(answer.headers).filter((name) => name.startsWith('access-control'));
    assert.deepEqual(leave, []);
  }
});

test('pages of this server, typed addresses and programs are served', async () => {
  const query = { path: PATH };
  const host = new URL(server.url).host;
  for (const headers of [
    { 'sec-fetch-site': 'same-origin', origin: `https://${host}` },
    // As behind a proxy that replaces the name of the host.
    { 'sec-fetch-site': 'same-origin', origin: 'https://front.example' },
    { 'sec-fetch-site': 'none' },
    { origin: `https://${host}` },
    {},
  ]) {
    const sent = { query, headers, json: { op: 'set', mode: 0o700 } };
    assert.equal((await alice.send('PATCH', FILES, sent)).status, 200, JSON.stringify(headers));
  }
});

test('a browser is told with every answer that no other site may include, frame or run it', async () => {
  for (const headers of [
    { 'sec-fetch-site': 'same-origin' },
    { 'user-agent': 'Mozilla/5.0 (X11; Linux x86_64)' },
    { origin: server.url },
  ]) {
    for (const [client, path] of [
      [alice, `${FILES}?path=${PATH}`],
      [alice, `${FILES}?path=${PATH}/none`],
      [alice, `/api/v1/storage/files?path=${PATH}&format=zip`],
      [anonymous, '/openapi.json'],
      [anonymous, '/api/v1/whoami'],
      [anonymous, '/s/none'],
    ] as const) {
      const answer = await client.send('GET', path, { headers });
      const told = answer.headers;
      assert.equal(told['cross-origin-resource-policy'], 'same-origin', path);
      assert.equal(told['x-content-type-options'], 'nosniff', path);
      assert.equal(told['x-frame-options'], 'DENY', path);
      assert.match(String(told['content-security-policy']), /^default-src 'none';.*sandbox/, path);
      assert.equal(told['referrer-policy'], 'no-referrer', path);
      assert.equal(told['access-control-allow-origin'], undefined, path);
    }
  }
});
