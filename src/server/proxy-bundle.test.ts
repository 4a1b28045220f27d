import assert from 'node:assert/strict';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type CertificateAuthority, openCertificateAuthority } from './ca.ts';
import { makeProxyBundle } from './proxy-bundle.ts';

let folder: string;
let keysDirectory: string;
let authority: CertificateAuthority;
const nowMs = Date.UTC(2026, 10, 22, 12, 0, 0, 500);
const clock = { now: () => nowMs };

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gdpfs-test-'));
  keysDirectory = join(folder, 'keys');
  authority = await openCertificateAuthority({ directory: keysDirectory, names: [], clock });
});
after(() => rm(folder, { recursive: true }));

async function make(name: string, names: readonly string[] = []) {
  const directory = join(folder, 'made', name);
  const bundle = await makeProxyBundle({
    keysDirectory,
    auditDirectory: join(folder, 'audit'),
    name,
    names,
    directory,
    clock,
  });
  const read = (file: string): Promise<string> => readFile(join(directory, file), 'utf8');
  return { bundle, directory, read };
}

test('makeProxyBundle() makes pairs that fit, the authority behind each, for their owner only', async () => {
  const { bundle, directory, read } = await make('edge', ['gdpfs.example.org', '192.0.2.7']);
  const pairs = ['front', 'hop'].flatMap((name) => [`${name}.crt`, `${name}.key`, `${name}.pem`]);
  assert.deepEqual((await readdir(directory)).sort(), ['ca.crt', ...pairs].sort());
  for (const file of ['ca.crt', ...pairs]) {
    assert.equal((await stat(join(directory, file))).mode & 0o777, 0o600, file);
  }
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
  assert.equal(await read('ca.crt'), authority.caPem);
  for (const name of ['front', 'hop']) {
    const [cert, key] = [await read(`${name}.crt`), await read(`${name}.key`)];
    const certificate = new X509Certificate(cert);
    assert(certificate.checkPrivateKey(createPrivateKey(key)));
    assert(certificate.verify(new X509Certificate(authority.caPem).publicKey));
    assert(cert.endsWith(authority.caPem));
    assert.equal(await read(`${name}.pem`), cert + key);
    assert.equal(certificate.validToDate.getTime(), bundle.expiresMs);
  }
  const endMs = nowMs + LIMITS.serverCertificateLifeMs;
  assert.equal(bundle.expiresMs, Math.floor(endMs / 1000) * 1000);
  const front = new X509Certificate(await read('front.crt'));
  for (const host of ['gdpfs.example.org', 'localhost']) assert(front.checkHost(host), host);
  assert(front.checkIP('192.0.2.7'));
});

test('makeProxyBundle() certifies the hop as a proxy, which is nobody and no server', async () => {
  const { read } = await make('inner');
  const hop = new X509Certificate(await read('hop.crt'));
  assert.equal(authority.readProxyCertificate(hop)?.name, 'inner');
  assert.throws(
    () => authority.verifyClientCertificate(hop),
    (error) => isGdpfsError(error, 'certificate_invalid') && /no principal/.test(error.message),
  );
  assert.equal(hop.checkHost('localhost'), undefined);
  const front = new X509Certificate(await read('front.crt'));
  assert.equal(authority.readProxyCertificate(front), undefined);
});

test('makeProxyBundle() makes new keys when it is run again', async () => {
  const first = await make('again');
  const keys = await Promise.all(['front.key', 'hop.key'].map(first.read));
  const second = await make('again');
  for (const [index, file] of ['front.key', 'hop.key'].entries()) {
    assert.notEqual(await second.read(file), keys[index]);
  }
});

test('makeProxyBundle() refuses bad names, and makes nothing without an authority', async () => {
  for (const name of ['', 'Edge', '../edge', 'a=b']) {
    await assert.rejects(make(name), (error) => isGdpfsError(error, 'usage'), name);
  }
  await assert.rejects(make('edge2', ['no name']), (error) => isGdpfsError(error, 'usage'));
  const directory = join(folder, 'made', 'orphan');
  const auditDirectory = join(folder, 'audit');
  const keys = join(folder, 'nowhere');
  const options = { keysDirectory: keys, auditDirectory, name: 'orphan', names: [], directory };
  await assert.rejects(makeProxyBundle({ ...options, clock }), (error) =>
    isGdpfsError(error, 'not_found'),
  );
  await assert.rejects(stat(directory));
});
