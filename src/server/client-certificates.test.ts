import assert from 'node:assert/strict';
import { createPublicKey, randomBytes, X509Certificate } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { enrolmentUri, principalUri } from '../wire/principal.ts';
import { CLIENT_AUTH, createCertificateRequest, generateKey } from '../wire/x509.ts';
import { type CertificateAuthority, openCertificateAuthority } from './ca.ts';
import { readIdentity } from './client-certificates.ts';

let folder: string;
let nowMs = Date.UTC(2026, 10, 22, 12, 0, 0, 500);
const clock = { now: () => nowMs };
let authority: CertificateAuthority;
let stranger: CertificateAuthority;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gdpfs-test-'));
  authority = await openCertificateAuthority({ directory: join(folder, 'a'), names: [], clock });
  stranger = await openCertificateAuthority({ directory: join(folder, 'b'), names: [], clock });
});
after(() => rm(folder, { recursive: true }));

const enrolment = new Uint8Array(randomBytes(16));

async function issue(from = authority) {
  const csrPem = await createCertificateRequest(generateKey());
  return from.issueClientCertificate({ csrPem, principal: 'alice@example.org', enrolment });
}

function rejectedBecause(pattern: RegExp) {
  return (error: unknown) =>
    isGdpfsError(error, 'certificate_invalid') && pattern.test(error.message);
}

test('verifyClientCertificate() reads back what issueClientCertificate() was told', async () => {
  const issued = await issue();
  const certificate = new X509Certificate(issued.certificatePem);
  const identity = authority.verifyClientCertificate(certificate);
  assert.deepEqual(authority.verifyClientCertificate(certificate.raw), identity);
  assert.equal(identity.principal, 'alice@example.org');
  assert.deepEqual(identity.enrolment, enrolment);
  assert.deepEqual(identity.serial, issued.serial);
  assert.equal(identity.serial.length, 16);
  assert.equal(identity.expiresMs, issued.expiresMs);
  assert.equal(
    issued.expiresMs,
    Math.floor((nowMs + LIMITS.clientCertificateLifeMs) / 1000) * 1000,
  );
  assert.equal(certificate.validToDate.getTime(), issued.expiresMs);
});

test('issueClientCertificate() certifies the key of the request, under a new serial each time', async () => {
  const keys = generateKey();
  const csrPem = await createCertificateRequest(keys);
  const one = await authority.issueClientCertificate({ csrPem, principal: 'alice', enrolment });
  const two = await authority.issueClientCertificate({ csrPem, principal: 'alice', enrolment });
  assert.notDeepEqual(one.serial, two.serial);
  assert(new X509Certificate(one.certificatePem).checkPrivateKey(keys.privateKey));
  assert(
    new X509Certificate(one.certificatePem).publicKey.equals(createPublicKey(keys.privateKey)),
  );
});

test('issueClientCertificate() takes a key on P-384 and refuses RSA keys', async () => {
  // Made with OpenSSL; the one on P-384 asks to be "root", in its subject and as a principal.
  const fixtures = join(import.meta.dirname, '../../test/fixtures/csr');
  const init = { principal: 'alice', enrolment };
  const p384 = await readFile(join(fixtures, 'p384-with-subject.csr'), 'utf8');
  const issued = await authority.issueClientCertificate({ ...init, csrPem: p384 });
  const certificate = new X509Certificate(issued.certificatePem);
  assert.equal(authority.verifyClientCertificate(certificate).principal, 'alice');
  assert.doesNotMatch(certificate.subject, /root/);

  const rsa = await readFile(join(fixtures, 'rsa.csr'), 'utf8');
  await assert.rejects(
    authority.issueClientCertificate({ ...init, csrPem: rsa }),
    (error) => isGdpfsError(error, 'bad_request') && /need an elliptic curve/.test(error.message),
  );
});

test('issueClientCertificate() refuses a request that is damaged or does not prove its key', async () => {
  const csrPem = await createCertificateRequest(generateKey());
  const other = await createCertificateRequest(generateKey());
  const [header = '', ...lines] = csrPem.trim().split('\n');
  const der = Buffer.from(lines.slice(0, -1).join(''), 'base64');
  const toPem = (bytes: Buffer) =>
    `${header}\n${bytes.toString('base64')}\n${lines.at(-1) ?? ''}\n`;
  // The unchanged bytes in the same wrapping are fine: what follows fails for its damage.
  await authority.issueClientCertificate({ csrPem: toPem(der), principal: 'alice', enrolment });
  const flipped = Buffer.from(der);
  flipped[der.length - 5] = (der[der.length - 5] ?? 0) ^ 1;
  for (const bad of ['', 'x', toPem(der.subarray(0, -9)), toPem(flipped), other.slice(0, 90)]) {
    await assert.rejects(
      authority.issueClientCertificate({ csrPem: bad, principal: 'alice', enrolment }),
      (error) => isGdpfsError(error, 'bad_request'),
    );
  }
});

test('verifyClientCertificate() refuses certificates of others, of servers and of the authority itself', async () => {
  const foreign = new X509Certificate((await issue(stranger)).certificatePem);
  assert.throws(() => authority.verifyClientCertificate(foreign), rejectedBecause(/not issued by/));
  const server = new X509Certificate((await authority.serverIdentity()).cert);
  assert.throws(
    () => authority.verifyClientCertificate(server),
    rejectedBecause(/not for clients/),
  );
  const own = new X509Certificate(authority.caPem);
  assert.throws(() => authority.verifyClientCertificate(own), rejectedBecause(/./));
  assert.throws(
    () => authority.verifyClientCertificate(new Uint8Array(9)),
    rejectedBecause(/read/),
  );
});

test('verifyClientCertificate() refuses a certificate with any byte changed', async () => {
  const { raw } = new X509Certificate((await issue()).certificatePem);
  for (let offset = 0; offset < raw.length; offset++) {
    const changed = new Uint8Array(raw);
    changed[offset] = (changed[offset] ?? 0) ^ 0x01;
    assert.throws(
      () => authority.verifyClientCertificate(changed),
      (error) => isGdpfsError(error, 'certificate_invalid'),
      `byte ${offset}`,
    );
  }
});

test('checkValidity() follows the clock, while the identity stays known', async () => {
  const start = nowMs;
  const issued = await issue();
  const certificate = new X509Certificate(issued.certificatePem);
  const identity = authority.verifyClientCertificate(certificate);
  nowMs = issued.expiresMs;
  authority.checkValidity(identity);
  nowMs = issued.expiresMs + 1;
  assert.throws(() => authority.checkValidity(identity), rejectedBecause(/it expired 2026-12-22T/));
  assert.throws(() => authority.verifyClientCertificate(certificate), rejectedBecause(/expired/));
  nowMs = start - LIMITS.clockSkewMs - 1000;
  assert.throws(() => authority.checkValidity(identity), rejectedBecause(/not valid before/));
  nowMs = start - LIMITS.clockSkewMs;
  authority.checkValidity(identity);
  nowMs = start;
});

test('readIdentity() accepts exactly one principal and one enrolment, and one use', () => {
  const good = {
    notBeforeMs: 0,
    notAfterMs: 1,
    serialHex: '4001',
    isCa: false,
    usages: [CLIENT_AUTH],
    uris: [principalUri('alice'), enrolmentUri(enrolment)],
  };
  assert.equal(readIdentity(good).principal, 'alice');
  const [alice = '', enrolled = ''] = good.uris;
  const bad: Record<string, Partial<typeof good>> = {
    'an authority': { isCa: true },
    'no use': { usages: [] },
    'another use': { usages: ['1.3.6.1.5.5.7.3.1'] },
    'two uses': { usages: [CLIENT_AUTH, '1.3.6.1.5.5.7.3.1'] },
    'no names': { uris: [] },
    'no enrolment': { uris: [alice] },
    'no principal': { uris: [enrolled] },
    'two principals': { uris: [alice, principalUri('root'), enrolled] },
    'a third name': { uris: [alice, enrolled, 'https://example.org'] },
    'names joined into one': { uris: [`${alice}, URI:${principalUri('root')}`, enrolled] },
    'a foreign scheme': { uris: [alice.replace('gdpfs', 'gdp'), enrolled] },
  };
  for (const [title, change] of Object.entries(bad)) {
    const facts = { ...good, ...change };
    assert.throws(() => readIdentity(facts), rejectedBecause(/not for clients|names no/), title);
  }
});
