import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { setImmediate as turn } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { connect } from 'node:tls';
import { openFileSystem, type OpenedFileSystem } from '../src/fs/open.ts';
import { openCertificateAuthority } from '../src/server/ca.ts';
import { loadContract } from '../src/wire/contract.ts';
import { parseEnrolmentUri } from '../src/wire/principal.ts';
import type { Invitation, Whoami } from '../src/wire/generated/api.ts';
import { createCertificateRequest, generateKey, privateKeyPem } from '../src/wire/x509.ts';
import { HttpClient } from './support/http-client.ts';
import {
  addUser,
  anonymousClient,
  enrol,
  startServerHere,
  temporaryDirectory,
  type TestServer,
} from './support/server.ts';
import { assertProblem, volumeState } from './support/volume-state.ts';

const DAY_MS = 24 * 3600 * 1000;

let stack: AsyncDisposableStack;
let server: TestServer;
let store: OpenedFileSystem;
let laterMs = 0;
let admin: HttpClient;
let alice: HttpClient;
let anonymous: HttpClient;
const logLines: string[] = [];

before(async () => {
  stack = new AsyncDisposableStack();
  const directory = stack.use(await temporaryDirectory()).path;
  const clock = { now: () => Date.now() + laterMs };
  store = await openFileSystem({
    directory: join(directory, 'store'),
    keysDirectory: join(directory, 'keys'),
    clock,
    warn: (message) => assert.fail(message),
  });
  server = stack.use(await startServerHere(directory, { clock, logLines, store }));
  anonymous = stack.use(anonymousClient(server));
  admin = stack.use(await enrol(server, server.adminToken ?? ''));
  alice = stack.use(await addUser(server, admin, 'alice'));
});
after(() => stack.disposeAsync());

/** Paths with a value for each parameter, one for every operation. */
const operations = loadContract().operations.map(({ method, path, anonymous: isAnonymous }) => ({
  method,
  path: path.replace('{volume}', 'alice'),
  isAnonymous,
}));

for (const { method, path } of operations.filter(({ isAnonymous }) => !isAnonymous)) {
  test(`${method} ${path} without certificate is refused before anything else`, async () => {
    const answer = await anonymous.send(method, path, { query: { nonsense: 1 } });
    assertProblem(answer, { code: 'certificate_required', status: 401 });
  });
}

for (const { method, path } of operations.filter(({ isAnonymous }) => isAnonymous)) {
  test(`${method} ${path} works without certificate`, async () => {
    const answer = await anonymous.send(method, path);
    assert.notEqual(answer.status, 401, answer.text);
  });
}

test('strangers do not learn which routes exist', async () => {
  for (const [method, path] of [
    ['GET', '/api/v1/nothing'],
    ['PUT', '/api/v1/files'],
  ] as const) {
    const answer = await anonymous.send(method, path);
    assertProblem(answer, { code: 'certificate_required', status: 401 });
  }
});

test('a known caller gets 404 for an unknown route and 405 with Allow for an unknown method', async () => {
  const unknown = await alice.send('GET', '/api/v1/nothing');
  assertProblem(unknown, { code: 'not_found', status: 404 });
  const method = await alice.send('PUT', '/api/v1/files');
  assertProblem(method, { code: 'method_not_allowed', status: 405 });
  assert.equal(method.headers['allow'], 'DELETE, GET, HEAD, PATCH, POST');
});

test('a certificate of another authority is refused, though it names the same principal', async () => {
  await using other = await temporaryDirectory();
  const authority = await openCertificateAuthority({
    directory: other.path,
    names: [],
    clock: { now: () => Date.now() },
  });
  const keys = generateKey();
  const issued = await authority.issueClientCertificate({
    csrPem: await createCertificateRequest(keys),
    principal: 'alice',
    enrolment: new Uint8Array(16),
  });
  await using foreign = new HttpClient({
    ...alice.options,
    key: privateKeyPem(keys.privateKey),
    certificate: issued.certificatePem,
  });
  const answer = await foreign.send('GET', '/api/v1/whoami');
  assertProblem(answer, { code: 'certificate_invalid', status: 401 });
  assert.equal((await foreign.send('GET', '/healthz')).status, 200);
});

test('a certificate that expires on an open connection is refused from then on', async () => {
  await using client = new HttpClient(alice.options);
  assert.equal((await client.send('GET', '/api/v1/whoami')).status, 200);
  try {
    laterMs = 31 * DAY_MS;
    const answer = await client.send('GET', '/api/v1/whoami');
    assertProblem(answer, { code: 'certificate_invalid', status: 401 });
  } finally {
    laterMs = 0;
  }
  assert.equal((await client.send('GET', '/api/v1/whoami')).status, 200);
});

test('a revoked enrolment is refused on an open connection, others of the principal are not', async () => {
  await using mallory = await addUser(server, admin, 'mallory');
  const again = await admin.send('POST', '/api/v1/admin/invitations', {
    json: { principal: 'mallory' },
  });
  await using second = await enrol(server, (again.json as Invitation).token);
  assert.equal((await mallory.send('GET', '/api/v1/whoami')).status, 200);
  const { certificate = '' } = mallory.options;
  const names = new X509Certificate(certificate).subjectAltName ?? '';
  const uri = /URI:(gdpfs:\/\/enrolment\/[0-9a-f]+)/.exec(names)?.[1] ?? '';
  const enrolment = parseEnrolmentUri(uri);
  assert(enrolment !== undefined);
  await store.system.change(() => ({
    records: [{ body: { case: 'revocation', value: { enrolment } } }],
    result: undefined,
  }));
  const answer = await mallory.send('GET', '/api/v1/whoami');
  assertProblem(answer, { code: 'certificate_invalid', status: 401 });
  assert.equal((await second.send('GET', '/api/v1/whoami')).status, 200);
});

test('a resumed TLS session has the same identity', async () => {
  const first = await rawRequest();
  assert.equal(first.isResumed, false);
  assert(first.session !== undefined);
  const second = await rawRequest(first.session);
  assert.equal(second.isResumed, true);
  for (const { body } of [first, second]) assert.match(body, /"principal":"alice"/);
});

/** One request of alice's on a TLS connection of its own, and the session to resume it with. */
async function rawRequest(session?: Buffer) {
  const { ca, key, certificate } = alice.options;
  const { hostname: host, port } = new URL(server.url);
  const pair = { ca, key, cert: certificate };
  const socket = connect({ host, port: Number(port), ...pair, ...(session ? { session } : {}) });
  let next: Buffer | undefined;
  socket.on('session', (ticket: Buffer) => {
    next = ticket;
  });
  await once(socket, 'secureConnect');
  const isResumed = socket.isSessionReused();
  socket.write('GET /api/v1/whoami HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
  const body = await text(socket);
  return { isResumed, body, session: next };
}

test('whoami tells who the caller is and what it may use', async () => {
  const { certificateExpiresMs, home, ...rest } = (await alice.send('GET', '/api/v1/whoami'))
    .json as Whoami;
  assert.deepEqual(rest, { principal: 'alice', role: 'user', volumes: ['alice'] });
  assert.deepEqual([home?.alias, home?.access], ['alice', 'admin']);
  assert(certificateExpiresMs > Date.now());
});

test('a token enrols once', async () => {
  const invited = await admin.send('POST', '/api/v1/admin/invitations', {
    json: { principal: 'once' },
  });
  const { token } = invited.json as Invitation;
  const csr = await createCertificateRequest(generateKey());
  const first = await anonymous.send('POST', '/api/v1/enroll', { json: { token, csr } });
  assert.equal(first.status, 200, first.text);
  const second = await anonymous.send('POST', '/api/v1/enroll', { json: { token, csr } });
  assertProblem(second, { code: 'bad_token', status: 403 });
});

test('enrolment refuses a token of another form and a request that is none', async () => {
  const csr = await createCertificateRequest(generateKey());
  const form = await anonymous.send('POST', '/api/v1/enroll', { json: { token: 'gdpfs1.x', csr } });
  assertProblem(form, { code: 'bad_token', status: 403 });
  const invited = await admin.send('POST', '/api/v1/admin/invitations', {
    json: { principal: 'carol' },
  });
  const { token } = invited.json as Invitation;
  const noCsr = await anonymous.send('POST', '/api/v1/enroll', { json: { token, csr: 'x' } });
  assertProblem(noCsr, { code: 'bad_request', status: 400 });
  await using carol = await enrol(server, token);
  assert.equal((await carol.send('GET', '/api/v1/whoami')).status, 200);
});

test('a user may not invite, nor create volumes', async () => {
  const invite = await alice.send('POST', '/api/v1/admin/invitations', {
    json: { principal: 'eve', role: 'admin' },
  });
  assertProblem(invite, { code: 'forbidden', status: 403 });
  const create = await alice.send('POST', '/api/v1/volumes', { json: { name: 'mine' } });
  assertProblem(create, { code: 'forbidden', status: 403 });
});

for (const { principal, code } of [
  { principal: 'with.dot', code: 'bad_request' },
  { principal: 'taken', code: 'exists' },
]) {
  test(`inviting "${principal}" is refused with ${code}: there can be no such home volume`, async () => {
    await admin.send('POST', '/api/v1/volumes', { json: { name: 'taken' } });
    const answer = await admin.send('POST', '/api/v1/admin/invitations', { json: { principal } });
    assert.equal(answer.code, code);
  });
}

test('a user gets nothing of a volume of another, not even whether a path exists', async () => {
  await using bob = await addUser(server, admin, 'bob');
  await bob.send('POST', '/api/v1/files', { json: { path: '/bob/secret', kind: 'directory' } });
  const before = await volumeState(bob, 'bob');
  const answers = [];
  for (const path of ['/bob/secret', '/bob/nothing']) {
    const query = { path };
    const types = { body: new Uint8Array(1), type: 'application/octet-stream' };
    answers.push(
      await alice.send('GET', '/api/v1/files', { query }),
      await alice.send('GET', '/api/v1/file/chunks', { query }),
      await alice.send('GET', '/api/v1/storage/files', { query }),
      await alice.send('GET', '/api/v1/storage/file/chunks', { query: { path, ranges: '0:1' } }),
      await alice.send('DELETE', '/api/v1/files', { query }),
      await alice.send('PATCH', '/api/v1/files', { query, json: { op: 'set', mode: 0 } }),
      await alice.send('POST', '/api/v1/files', { json: { path, kind: 'directory' } }),
      await alice.send('POST', '/api/v1/storage/files', { query, ...types }),
    );
  }
  for (const route of ['', '/checkpoint', '/commits']) {
    answers.push(await alice.send('GET', `/api/v1/volumes/bob${route}`));
  }
  for (const answer of answers) {
    assertProblem(answer, { code: 'forbidden', status: 403 });
    assert.equal(answer.text, answers[0]?.text);
  }
  assert.deepEqual(await volumeState(bob, 'bob'), before);
  const listed = await alice.send('GET', '/api/v1/volumes');
  assert.equal((listed.json as { volumes: unknown[] }).volumes.length, 1);
});

test('a user cannot copy or rename into a volume of another', async () => {
  await alice.send('POST', '/api/v1/files', { json: { path: '/alice/d', kind: 'directory' } });
  for (const op of ['rename', 'copy']) {
    const answer = await alice.send('PATCH', '/api/v1/files', {
      query: { path: '/alice/d' },
      json: { op, to: '/taken/d' },
    });
    assertProblem(answer, { code: 'forbidden', status: 403 });
  }
});

test('an upload is for its owner alone, even if others may use the volume', async () => {
  const opened = await alice.send('POST', '/api/v1/files', {
    json: { path: '/alice/up', kind: 'upload', size: 10 },
  });
  const { upload } = opened.json as { upload: string };
  const answer = await admin.send('GET', '/api/v1/file/chunks', { query: { upload } });
  assertProblem(answer, { code: 'upload_not_found', status: 404 });
});

test('an admin may use every volume', async () => {
  assert.equal((await admin.send('GET', '/api/v1/volumes/alice')).status, 200);
});

test('the log has no tokens, keys or certificates', async () => {
  const invited = await admin.send('POST', '/api/v1/admin/invitations', {
    json: { principal: 'dave' },
  });
  const { token } = invited.json as Invitation;
  await using dave = await enrol(server, token);
  await dave.send('GET', '/api/v1/whoami');
  // A line is written when its answer is out.
  while (!logLines.some((line) => line.includes('"principal":"dave"'))) await turn();
  const log = logLines.join('');
  assert.match(log, /"operation":"enrollPost"/);
  assert.doesNotMatch(log, /gdpfs1\.|BEGIN|PRIVATE/);
  assert(!log.includes(token.slice(10)));
});
