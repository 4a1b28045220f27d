import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createServer } from 'node:tls';
import { systemClock } from '../src/base/clock.ts';
import { isGdpfsError } from '../src/base/errors.ts';
import { enroll, serverUrl } from '../src/client/enroll.ts';
import { openHome } from '../src/client/home.ts';
import { openSession } from '../src/client/session.ts';
import { invite, whoami } from '../src/client/volumes.ts';
import { openCertificateAuthority } from '../src/server/ca.ts';
import type { TlsIdentity } from '../src/server/tls-identity.ts';
import { decodeToken, encodeToken } from '../src/wire/token.ts';
import { startServerHere, temporaryDirectory, type TestServer } from './support/server.ts';
import { rejectsWith } from './support/rejects.ts';

let stack: AsyncDisposableStack;
let folder: string;
let server: TestServer;
let homesMade = 0;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  server = stack.use(await startServerHere(join(folder, 'data')));
  const home = openHome(join(folder, 'admin'));
  await enroll(home, { url: server.url, token: server.adminToken ?? '', profile: 'default' });
});
after(() => stack.disposeAsync());

function newHome() {
  homesMade += 1;
  return openHome(join(folder, `home-${homesMade}`));
}

async function newToken(principal: string): Promise<string> {
  await using admin = openSession(await openHome(join(folder, 'admin')).profile());
  return (await invite(admin, { principal })).token;
}

/** A TLS server that somebody else runs; counts what clients say to it. */
async function startStranger(identity: Pick<TlsIdentity, 'key' | 'cert'>, host = '127.0.0.1') {
  const stranger = createServer({ key: identity.key, cert: identity.cert, minVersion: 'TLSv1.3' });
  let received = 0;
  stranger.on('secureConnection', (socket) => {
    socket.on('data', (data) => {
      received += data.length;
    });
    socket.on('error', () => {});
  });
  stranger.on('tlsClientError', () => {});
  stranger.listen(0, host);
  await once(stranger, 'listening');
  const { port } = stranger.address() as AddressInfo;
  return {
    url: `https://${host}:${port}`,
    received: () => received,
    [Symbol.asyncDispose]: async () => {
      stranger.close();
      await once(stranger, 'close');
    },
  };
}

test('enroll() stores a profile that the server accepts as the invited principal', async () => {
  const home = newHome();
  const token = await newToken('alice');
  const enrolled = await enroll(home, { url: `${server.url}/`, token, profile: 'lab' });
  assert.equal(enrolled.principal, 'alice');
  const profile = await home.profile();
  assert.deepEqual([profile.name, profile.url, profile.principal], ['lab', server.url, 'alice']);
  await using session = openSession(profile);
  const me = await whoami(session);
  assert.equal(me.principal, 'alice');
  assert.equal(me.certificateExpiresMs, enrolled.expiresMs);
  assert.deepEqual(me.volumes, ['alice']);
});

test('enroll() refuses a used token and leaves no profile behind', async () => {
  const token = await newToken('bob');
  await enroll(newHome(), { url: server.url, token, profile: 'default' });
  const home = newHome();
  await rejectsWith(enroll(home, { url: server.url, token, profile: 'default' }), 'bad_token');
  await rejectsWith(home.profile(), 'certificate_required');
  assert.deepEqual(await readdir(home.directory), []);
});

test('enroll() keeps the token good when the profile could not be stored', async () => {
  const token = await newToken('carol');
  await writeFile(join(folder, 'a-file'), '');
  const noHome = openHome(join(folder, 'a-file', 'home'));
  await rejectsWith(enroll(noHome, { url: server.url, token, profile: 'default' }), 'local_io');
  await rejectsWith(enroll(newHome(), { url: server.url, token, profile: '../x' }), 'usage');
  await enroll(newHome(), { url: server.url, token, profile: 'default' });
});

test('enroll() says nothing to a server that is not the one of the token', async () => {
  const directory = join(folder, 'stranger');
  const other = await openCertificateAuthority({ directory, names: [], clock: systemClock });
  const identity = await other.serverIdentity();
  const ownLeaf = identity.cert.slice(0, identity.cert.indexOf('-----BEGIN', 1));
  const token = await newToken('dave');
  // One with another authority, and one that shows the right authority's certificate, which is no
  // secret, beside its own.
  for (const cert of [identity.cert, ownLeaf + server.ca, ownLeaf]) {
    await using stranger = await startStranger({ key: identity.key, cert });
    const attempt = enroll(newHome(), { url: stranger.url, token, profile: 'default' });
    await rejectsWith(attempt, 'untrusted');
    assert.equal(stranger.received(), 0);
  }
});

test('enroll() says nothing to the right server under a name that its certificate does not have', async () => {
  const keys = join(server.dataDirectory, 'keys');
  const key = await readFile(join(keys, 'server.key'), 'utf8');
  const cert = (await readFile(join(keys, 'server.crt'), 'utf8')) + server.ca;
  await using elsewhere = await startStranger({ key, cert }, '127.0.0.2');
  const token = await newToken('erin');
  const attempt = enroll(newHome(), { url: elsewhere.url, token, profile: 'default' });
  await rejectsWith(attempt, 'untrusted');
  assert.equal(elsewhere.received(), 0);
});

test('enroll() refuses the right server if the token has the fingerprint of another', async () => {
  const { secret } = decodeToken(await newToken('frank'));
  const token = encodeToken({ caFingerprint: new Uint8Array(32), secret });
  await rejectsWith(enroll(newHome(), { url: server.url, token, profile: 'default' }), 'untrusted');
});

test('enroll() reports a server that is not there', async () => {
  const token = await newToken('grace');
  const url = 'https://127.0.0.1:1';
  await rejectsWith(enroll(newHome(), { url, token, profile: 'default' }), 'unavailable');
});

test('serverUrl() accepts https://HOST:PORT and nothing more', () => {
  assert.equal(serverUrl('https://files.example.org:7443/'), 'https://files.example.org:7443');
  assert.equal(serverUrl('https://[::1]:7443'), 'https://[::1]:7443');
  for (const text of [
    '',
    'files.example.org:7443',
    'http://files.example.org',
    'https://a/b',
    'https://a?b',
    'https://a#b',
    'https://me:secret@a',
    'https://',
  ]) {
    assert.throws(
      () => serverUrl(text),
      (error) => isGdpfsError(error, 'usage'),
      text,
    );
  }
});
