import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createSecureContext } from 'node:tls';
import { generateKey, privateKeyPem, signCertificate } from '../wire/x509.ts';
import { encodePkcs12 } from './pkcs12.ts';

const PASSWORD = 'correct "horse" & battery';

let folder: string;
let file: string;
let bytes: Uint8Array;
let certificate: string;
let ca: string;
let key: string;

before(async () => {
  const authority = generateKey();
  const own = generateKey();
  const dates = { notBeforeMs: Date.UTC(2026, 0, 1), notAfterMs: Date.UTC(2036, 0, 1) };
  const issuerKey = authority.privateKey;
  ca = await signCertificate({
    subject: { kind: 'ca', name: 'test' },
    publicKey: authority.publicKey,
    issuerKey,
    serial: new Uint8Array([1]),
    ...dates,
  });
  certificate = await signCertificate({
    subject: { kind: 'client', principal: 'alice', enrolment: new Uint8Array(16) },
    publicKey: own.publicKey,
    issuerPem: ca,
    issuerKey,
    serial: new Uint8Array([2]),
    ...dates,
  });
  key = privateKeyPem(own.privateKey);
  bytes = encodePkcs12({ certificate, key, ca, name: 'alice at host', password: PASSWORD });
  folder = mkdtempSync(join(tmpdir(), 'gdpfs-test-'));
  file = join(folder, 'alice.p12');
  writeFileSync(file, bytes);
});
after(() => rmSync(folder, { recursive: true, force: true }));

function openssl(...args: readonly string[]): string {
  return execFileSync('openssl', ['pkcs12', '-in', file, '-passin', `pass:${PASSWORD}`, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

test('encodePkcs12() writes what openssl and TLS of Node read: key, certificate, authority', () => {
  assert.equal(openssl('-nocerts', '-nodes').match(/-----BEGIN PRIVATE KEY[^]*$/)?.[0], key);
  const pems = openssl('-nokeys').match(
    /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g,
  );
  const found = (pems ?? []).map((pem) => new X509Certificate(pem).fingerprint256);
  assert.deepEqual(
    found,
    [certificate, ca].map((pem) => new X509Certificate(pem).fingerprint256),
  );
  createSecureContext({ pfx: Buffer.from(bytes), passphrase: PASSWORD });
});

test('encodePkcs12() names the entry, and its key by its certificate', () => {
  const bags = openssl('-nodes');
  assert.equal(bags.match(/friendlyName: alice at host/g)?.length, 2);
  const ids = bags.match(/localKeyID: [0-9A-F ]+/g) ?? [];
  assert.equal(ids.length, 2);
  assert.equal(ids[0], ids[1]);
});

test('encodePkcs12() encrypts with AES-256 and authenticates with SHA-256, and no password opens it but its own', () => {
  const { stderr } = spawnInfo();
  assert.match(stderr, /MAC: sha256, Iteration 100000/);
  assert.equal(
    stderr.match(/PBES2, PBKDF2, AES-256-CBC, Iteration 100000, PRF hmacWithSHA256/g)?.length,
    2,
  );
  assert.throws(() => createSecureContext({ pfx: Buffer.from(bytes), passphrase: 'another one' }));
});

function spawnInfo(): { readonly stderr: string } {
  const command = `openssl pkcs12 -in "$0" -passin env:PASSWORD -info -noout 2>&1`;
  const stderr = execFileSync('sh', ['-c', command, file], {
    encoding: 'utf8',
    env: { ...process.env, PASSWORD },
  });
  return { stderr };
}
