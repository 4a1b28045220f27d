import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { Role } from '../format/generated/gdpfs_pb.js';
import type { SystemRecordInit } from '../format/record-encoder.ts';
import { openFileSystem, type OpenedFileSystem } from '../fs/open.ts';
import { createCertificateRequest, generateKey } from '../wire/x509.ts';
import { temporaryDirectory } from '../../test/support/server.ts';
import { rejectsWith } from '../../test/support/rejects.ts';
import { type CertificateAuthority, openCertificateAuthority } from './ca.ts';
import { createInvitation, redeemInvitation } from './invitations.ts';
import { type Enrolled, renewCertificate } from './renewal.ts';

let stack: AsyncDisposableStack;
let nowMs: number;
let store: OpenedFileSystem;
let authority: CertificateAuthority;
const clock = { now: () => nowMs };

beforeEach(async () => {
  nowMs = Date.UTC(2026, 10, 22);
  stack = new AsyncDisposableStack();
  const folder = stack.use(await temporaryDirectory()).path;
  const keysDirectory = join(folder, 'keys');
  authority = await openCertificateAuthority({ directory: keysDirectory, names: [], clock });
  const warn = (message: string) => assert.fail(message);
  const directory = join(folder, 'store');
  store = stack.use(await openFileSystem({ directory, keysDirectory, clock, warn }));
});
afterEach(() => stack.disposeAsync());

async function enrolAlice(): Promise<Enrolled> {
  const services = { system: store.system, authority, clock };
  const { token } = await createInvitation(services, { principal: 'alice', role: Role.USER });
  const csrPem = await createCertificateRequest(generateKey());
  const { certificatePem } = await redeemInvitation(services, { token, csrPem });
  return authority.verifyClientCertificate(new X509Certificate(certificatePem));
}

async function renew({ principal, enrolment }: Enrolled) {
  const csrPem = await createCertificateRequest(generateKey());
  return await renewCertificate(
    { system: store.system, authority },
    { principal, enrolment, csrPem },
  );
}

async function revoke(value: Partial<Enrolled>): Promise<void> {
  const record: SystemRecordInit = { body: { case: 'revocation', value } };
  await store.system.change(() => ({ records: [record], result: undefined }));
}

test('renewCertificate() issues and records a certificate of the same enrolment', async () => {
  const alice = await enrolAlice();
  nowMs += 20 * 24 * 3600 * 1000;
  const issued = await renew(alice);
  assert.equal(issued.expiresMs, nowMs + LIMITS.clientCertificateLifeMs);
  const certificate = new X509Certificate(issued.certificatePem);
  const identity = authority.verifyClientCertificate(certificate);
  assert.equal(identity.principal, 'alice');
  assert.deepEqual(identity.enrolment, alice.enrolment);
  const row = store.system.view.certificate(issued.serial);
  assert(row !== undefined);
  assert.deepEqual(
    { ...row, enrolment: new Uint8Array(row.enrolment) },
    {
      serial: issued.serial,
      principal: 'alice',
      expiresMs: issued.expiresMs,
      enrolment: alice.enrolment,
    },
  );
});

test('renewCertificate() refuses whoever was revoked and records nothing', async () => {
  const first = await enrolAlice();
  await revoke({ enrolment: first.enrolment });
  await rejectsWith(renew(first), 'certificate_invalid');
  const second = await enrolAlice();
  await renew(second);
  await revoke({ principal: 'alice' });
  await rejectsWith(renew(second), 'certificate_invalid');
  await rejectsWith(renew({ ...second, principal: 'nobody' }), 'certificate_invalid');
});

test('renewCertificate() refuses what is no request', async () => {
  const alice = await enrolAlice();
  const services = { system: store.system, authority };
  const { principal, enrolment } = alice;
  const bad = renewCertificate(services, { principal, enrolment, csrPem: 'no' });
  await rejectsWith(bad, 'bad_request');
});
