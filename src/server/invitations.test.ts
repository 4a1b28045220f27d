import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { Role } from '../format/generated/gdpfs_pb.js';
import { openFileSystem, type OpenedFileSystem } from '../fs/open.ts';
import { decodeToken, encodeToken } from '../wire/token.ts';
import { createCertificateRequest, generateKey } from '../wire/x509.ts';
import { type CertificateAuthority, openCertificateAuthority } from './ca.ts';
import { createInvitation, redeemInvitation } from './invitations.ts';
import { rejectsWith } from '../../test/support/rejects.ts';

let folder: string;
let nowMs: number;
let store: OpenedFileSystem;
let authority: CertificateAuthority;
const clock = { now: () => nowMs };

beforeEach(async () => {
  nowMs = Date.UTC(2026, 10, 22);
  folder = await mkdtemp(join(tmpdir(), 'gdpfs-test-'));
  authority = await openCertificateAuthority({ directory: join(folder, 'keys'), names: [], clock });
  await open();
});

afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(folder, { recursive: true });
});

async function open(rebuild = false): Promise<void> {
  const warn = (message: string) => assert.fail(message);
  store = await openFileSystem({
    directory: join(folder, 'store'),
    keysDirectory: join(folder, 'keys'),
    clock,
    warn,
    rebuild,
  });
}

function services() {
  return { system: store.system, authority, clock };
}

function invite(principal: string, role = Role.USER) {
  return createInvitation(services(), { principal, role });
}

async function redeem(token: string) {
  const csrPem = await createCertificateRequest(generateKey());
  return await redeemInvitation(services(), { token, csrPem });
}

test('redeemInvitation() makes the principal and a certificate that names it', async () => {
  const { token, principal, expiresMs } = await invite('alice', Role.ADMIN);
  assert.equal(principal, 'alice');
  assert.equal(expiresMs, nowMs + LIMITS.invitationLifeMs);
  assert.equal(store.system.view.principal('alice'), undefined);
  const enrolment = await redeem(token);
  assert.equal(enrolment.principal, 'alice');
  const certificate = new X509Certificate(enrolment.certificatePem);
  const identity = authority.verifyClientCertificate(certificate);
  assert.equal(identity.principal, 'alice');
  const { view } = store.system;
  assert.deepEqual(view.principal('alice'), { name: 'alice', role: Role.ADMIN, createdMs: nowMs });
  const { serial, enrolment: id, expiresMs: certificateExpiresMs } = identity;
  const row = view.certificate(serial);
  assert(row !== undefined);
  assert.deepEqual(
    { ...row, enrolment: new Uint8Array(row.enrolment) },
    {
      serial,
      principal: 'alice',
      expiresMs: certificateExpiresMs,
      enrolment: id,
    },
  );
});

test('redeemInvitation() takes a token once, however many try at the same time', async () => {
  const { token } = await invite('alice');
  const results = await Promise.allSettled(Array.from({ length: 8 }, () => redeem(token)));
  const failures = results.filter((result) => result.status === 'rejected');
  assert.equal(failures.length, 7);
  for (const { reason } of failures) assert(isGdpfsError(reason, 'bad_token'), String(reason));
  await rejectsWith(redeem(token), 'bad_token', /used already/);
});

test('redeemInvitation() remembers used tokens after a restart and without the index', async () => {
  const used = await invite('alice');
  const unused = await invite('bob');
  await redeem(used.token);
  for (const rebuild of [false, true]) {
    await store[Symbol.asyncDispose]();
    await open(rebuild);
    await rejectsWith(redeem(used.token), 'bad_token', /used already/);
  }
  assert.equal((await redeem(unused.token)).principal, 'bob');
});

test('redeemInvitation() refuses expired, unknown, foreign and damaged tokens', async () => {
  const { token, expiresMs } = await invite('alice');
  const { caFingerprint, secret } = decodeToken(token);
  const unknown = encodeToken({ caFingerprint, secret: secret.map((byte) => byte ^ 1) });
  await rejectsWith(redeem(unknown), 'bad_token', /does not know/);
  const foreign = encodeToken({ caFingerprint: caFingerprint.map((byte) => byte ^ 1), secret });
  await rejectsWith(redeem(foreign), 'bad_token', /another server/);
  await rejectsWith(redeem(token.slice(1)), 'bad_token');
  nowMs = expiresMs + 1;
  await rejectsWith(redeem(token), 'bad_token', /expired/);
  assert.equal(store.system.view.principal('alice'), undefined);
});

test('redeemInvitation() keeps a token good when the certificate request is bad', async () => {
  const { token } = await invite('alice');
  await rejectsWith(redeemInvitation(services(), { token, csrPem: 'x' }), 'bad_request');
  assert.equal((await redeem(token)).principal, 'alice');
});

test('redeemInvitation() enrols a principal once more, as another enrolment', async () => {
  const first = await redeem((await invite('alice')).token);
  nowMs += 1000;
  const second = await redeem((await invite('alice')).token);
  const [one, two] = [first, second].map(({ certificatePem }) =>
    authority.verifyClientCertificate(new X509Certificate(certificatePem)),
  );
  assert.notDeepEqual(one?.enrolment, two?.enrolment);
  assert.equal(store.system.view.principal('alice')?.createdMs, nowMs - 1000);
});

test('createInvitation() refuses bad names, and another role for a known principal', async () => {
  for (const name of ['', 'Alice', 'a/b', 'x'.repeat(65)])
    await rejectsWith(invite(name), 'bad_request');
  const early = await invite('alice', Role.ADMIN);
  await redeem((await invite('alice')).token);
  await rejectsWith(invite('alice', Role.ADMIN), 'exists', /role "user"/);
  // Nor through an invitation that is older than the principal.
  await rejectsWith(redeem(early.token), 'exists', /role "user"/);
});
