/** Certificates that are renewed in the middle of a session, against the real server. */
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isGdpfsError } from '../src/base/errors.ts';
import { LIMITS } from '../src/base/limits.ts';
import { downloadFile } from '../src/client/download.ts';
import { enroll } from '../src/client/enroll.ts';
import type { FlowOptions } from '../src/client/flow/flow-options.ts';
import { type Home, openHome, type Profile } from '../src/client/home.ts';
import { openSession, type Session } from '../src/client/session.ts';
import { uploadFile } from '../src/client/upload.ts';
import { createVolume, invite, whoami } from '../src/client/volumes.ts';
import { runCli } from './support/cli.ts';
import { FaultProxy } from './support/fault-proxy.ts';
import { Random } from './support/random.ts';
import { startServerHere, temporaryDirectory, type TestServer } from './support/server.ts';

const DAY_MS = 24 * 3600 * 1000;
const LIFE_MS = LIMITS.clientCertificateLifeMs;

let stack: AsyncDisposableStack;
let folder: string;
let laterMs: number;
let server: TestServer;
let home: Home;
const clock = { now: () => Date.now() + laterMs };

beforeEach(async () => {
  laterMs = 0;
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  server = stack.use(await startServerHere(join(folder, 'data'), { clock }));
  home = openHome(join(folder, 'home'));
  const token = server.adminToken ?? '';
  await enroll(home, { url: server.url, token, profile: 'lab' });
  await createVolume(await open(), { name: 'vision' });
});
afterEach(() => stack.disposeAsync());

/** A session as the command line opens it. Tests may close it earlier. */
async function open(options: FlowOptions & { url?: string } = {}): Promise<Session> {
  const profile = await home.profile('lab');
  const credentials = home.credentials(profile);
  return stack.use(openSession({ ...profile, credentials, clock, ...options }));
}

function expiryOf({ certificate }: Profile): number {
  return new X509Certificate(certificate).validToDate.getTime();
}

/** Resolves when a request is made with a certificate that expires later than `expiresMs`. */
async function renewed(session: Session, expiresMs: number): Promise<void> {
  while ((await whoami(session)).certificateExpiresMs <= expiresMs) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

test('a certificate with less than a third of its life left is renewed and stored', async () => {
  const before = await home.profile();
  await enroll(home, await inviteOther());
  const session = await open();
  laterMs = (LIFE_MS * 2) / 3 - DAY_MS;
  await whoami(session);
  await session[Symbol.asyncDispose]();
  assert.deepEqual((await home.profile('lab')).certificate, before.certificate);

  laterMs = (LIFE_MS * 2) / 3 + DAY_MS;
  await renewed(await open(), expiryOf(before));
  const after = await home.profile('lab');
  assert(expiryOf(after) > expiryOf(before) + LIFE_MS / 2);
  assert.deepEqual({ ...after, certificate: '' }, { ...before, certificate: '' });
  // The profile that is used when none is named stays that.
  assert.equal((await home.profile()).name, 'other');
  assert.equal((await stat(await certificateFile())).mode & 0o777, 0o600);
});

async function inviteOther() {
  const { token } = await invite(await open(), { principal: 'bob' });
  return { url: server.url, token, profile: 'other' };
}

async function certificateFile(): Promise<string> {
  const config = JSON.parse(await readFile(join(home.directory, 'config.json'), 'utf8'));
  return join(home.directory, config.profiles.lab.certificate);
}

test('a transfer goes on beyond the life of the certificate that it began with', async () => {
  await using proxy = await FaultProxy.start(server.url);
  const before = await home.profile();
  const session = await open({ url: proxy.url });
  const source = join(folder, 'source');
  await writeFile(source, new Random(1).bytes(12 * 1024 * 1024));
  const mebibyte = 1024 * 1024;
  let step = Promise.resolve();
  for (const [at, fraction] of [
    [2, 0.5],
    [4, 0.8],
    [7, 1.2],
  ] as const) {
    proxy.inject({
      direction: 'up',
      at: at * mebibyte,
      kind: 'run',
      // A request must find out, and the renewal be over, before time goes on.
      action: () => {
        step = step.then(async () => {
          laterMs = LIFE_MS * fraction;
          await renewed(session, fraction < 2 / 3 ? 0 : expiryOf(before));
        });
        return step;
      },
    });
  }
  await uploadFile(session, { source, path: '/vision/file' });
  assert.equal(proxy.happened, 3);
  assert(clock.now() > expiryOf(before));
  const target = join(folder, 'target');
  await downloadFile(await open(), { path: '/vision/file', target });
  assert.deepEqual(await readFile(target), await readFile(source));
});

test('sessions that renew at once all go on, and one certificate is kept', async () => {
  const before = await home.profile();
  const sessions = [await open(), await open(), await open()];
  laterMs = LIFE_MS * 0.9;
  await Promise.all(sessions.map((session) => renewed(session, expiryOf(before))));
  laterMs = LIFE_MS * 1.3;
  for (const session of sessions) assert.equal((await whoami(session)).principal, 'admin');
  assert.equal((await whoami(await open())).principal, 'admin');
  assert.deepEqual(await readdir(join(home.directory, 'profiles')), [
    (await certificateFile()).split('/').at(-2),
  ]);
});

test('a session whose certificate expired takes the one that another process has stored', async () => {
  const before = await home.profile();
  const sleeping = await open();
  const other = await open();
  laterMs = LIFE_MS * 0.9;
  await renewed(other, expiryOf(before));
  await other[Symbol.asyncDispose]();
  laterMs = LIFE_MS * 1.1;
  const requests = Array.from({ length: 20 }, () => whoami(sleeping));
  for (const { principal } of await Promise.all(requests)) assert.equal(principal, 'admin');
});

test('a home that cannot be written is a warning, and the renewed certificate is used', async () => {
  const before = await home.profile();
  const warnings: string[] = [];
  const session = await open({ onWarning: (text) => warnings.push(text) });
  laterMs = LIFE_MS * 0.9;
  // As if another process had crashed while it held the lock: nobody can write any more.
  const lock = join(home.directory, 'config.json.lock');
  await writeFile(lock, '');
  await renewed(session, expiryOf(before));
  assert.equal(warnings.length, 1);
  assert.match(warnings[0] ?? '', /^cannot store the renewed certificate: cannot lock /);
  assert.equal((await home.profile()).certificate, before.certificate);
  laterMs = LIFE_MS * 1.1;
  assert.equal((await whoami(session)).principal, 'admin');
});

test('a renewal that fails is a warning while the certificate works, and is tried again', async () => {
  const before = await home.profile();
  const warnings: string[] = [];
  const session = await open({ onWarning: (text) => warnings.push(text) });
  const config = join(home.directory, 'config.json');
  await rename(config, `${config}.away`);
  laterMs = LIFE_MS * 0.9;
  assert.equal((await whoami(session)).principal, 'admin');
  while (warnings.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.match(warnings[0] ?? '', /^cannot renew the certificate: /);
  await rename(`${config}.away`, config);
  await whoami(session);
  assert.equal((await home.profile()).certificate, before.certificate);
  laterMs += LIMITS.renewalCheckMs;
  await renewed(session, expiryOf(before));
});

test('a profile that belongs to somebody else by now is left alone', async () => {
  const session = await open();
  const bob = await inviteOther();
  await enroll(home, { ...bob, profile: 'lab' });
  const stored = await home.profile('lab');
  laterMs = LIFE_MS * 0.9;
  await renewed(session, clock.now() + LIFE_MS / 2);
  assert.equal((await whoami(session)).principal, 'admin');
  assert.deepEqual(await home.profile('lab'), stored);
});

test('a session that is closed at once renews its certificate all the same', async () => {
  const before = await home.profile();
  laterMs = LIFE_MS * 0.9;
  const session = await open();
  await whoami(session);
  await session[Symbol.asyncDispose]();
  assert(expiryOf(await home.profile()) > expiryOf(before));
});

test('commands, two at once and a transfer too, renew the certificate of their profile', async () => {
  const invited = await inviteOther();
  // The command line has the system's clock, so that here the login has to be long ago.
  laterMs = -0.9 * LIFE_MS;
  await enroll(home, invited);
  const before = await home.profile();
  assert(expiryOf(before) < Date.now() + 0.2 * LIFE_MS);
  laterMs = 0;
  const source = join(folder, 'source');
  await writeFile(source, new Random(2).bytes(300_000));
  const results = await Promise.all([
    runCli(['whoami'], { home: home.directory }),
    runCli(['cp', source, 'gdp://bob/file'], { home: home.directory }),
  ]);
  for (const { code, stderr } of results) assert.equal(code, 0, stderr);
  for (const { stderr } of results) assert.doesNotMatch(stderr, /warning/);
  assert(expiryOf(await home.profile()) > Date.now() + 0.9 * LIFE_MS);
});

test('a certificate that expired is renewed by the next session, for a month and no longer', async () => {
  const before = await home.profile();
  const late = LIFE_MS + LIMITS.renewalGraceMs;
  laterMs = late + DAY_MS;
  const refused = await open();
  await assert.rejects(whoami(refused), (error) => isGdpfsError(error, 'certificate_invalid'));
  laterMs = late - DAY_MS;
  assert.equal((await whoami(await open())).principal, 'admin');
  assert(expiryOf(await home.profile()) > expiryOf(before) + LIFE_MS / 2);
});

test('an expired certificate is good for its renewal and for nothing else', async () => {
  const { url, ca, key, certificate } = await home.profile();
  laterMs = LIFE_MS + DAY_MS;
  await using session = openSession({ url, ca, key, certificate, clock });
  for (const route of ['/api/v1/whoami', '/api/v1/volumes']) {
    const asked = session.request({ method: 'GET', route });
    await assert.rejects(asked, (error) => isGdpfsError(error, 'certificate_invalid'));
  }
});

test('no private key is in the log of the server, nor in any file but key files', async () => {
  const lines: string[] = [];
  const data = join(folder, 'logged');
  const other = join(folder, 'logged-home');
  {
    await using logged = await startServerHere(data, { clock, logLines: lines });
    const token = logged.adminToken ?? '';
    await enroll(openHome(other), { url: logged.url, token, profile: 'lab' });
    const profile = await openHome(other).profile();
    await using session = openSession({
      ...profile,
      credentials: openHome(other).credentials(profile),
    });
    await whoami(session);
    await invite(session, { principal: 'carol' });
    await assert.rejects(session.request({ method: 'GET', route: '/api/v1/nothing' }));
  }
  const files = await Promise.all([data, other].map(filesBelow));
  const isKey = (path: string): boolean => path.endsWith('.key');
  const texts = new Map([['log', lines.join('')]]);
  const keys: string[] = [];
  for (const path of files.flat()) {
    const text = await readFile(path, 'latin1');
    if (!isKey(path)) texts.set(path, text);
    else if (text.includes('PRIVATE KEY')) keys.push(text);
    if (isKey(path)) assert.equal((await stat(path)).mode & 0o777, 0o600, path);
  }
  assert(keys.length >= 3, 'of the authority, of the server, of the client');
  for (const pem of keys) {
    const [, base64 = ''] = /-----\n([^-]+)\n-----/.exec(pem) ?? [];
    const needle = base64.replaceAll('\n', '').slice(40, 100);
    const bytes = Buffer.from(base64, 'base64').subarray(36, 60).toString('latin1');
    for (const [name, text] of texts) {
      const isThere = text.replaceAll('\\n', '').replaceAll('\n', '').includes(needle);
      assert(!isThere && !text.includes(bytes), `a private key is in ${name}`);
    }
  }
});

async function filesBelow(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name));
}
