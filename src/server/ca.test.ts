import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { mkdtemp, readdir, rm, stat, unlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { connect, createServer } from 'node:tls';
import { sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { type CertificateAuthority, openCertificateAuthority } from './ca.ts';
import { serverCertificateNames, type TlsIdentity } from './tls-identity.ts';

const DAY_MS = 24 * 3600 * 1000;

let folder: string;
let foldersMade = 0;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gdpfs-test-'));
});
after(() => rm(folder, { recursive: true }));

function newDirectory(): string {
  foldersMade += 1;
  return join(folder, String(foldersMade), 'keys');
}

interface OpenOptions {
  readonly names?: readonly string[];
  readonly laterMs?: number;
}

function openAuthority(
  directory: string,
  options: OpenOptions = {},
): Promise<CertificateAuthority> {
  const { names = [], laterMs = 0 } = options;
  return openCertificateAuthority({ directory, names, clock: { now: () => Date.now() + laterMs } });
}

/** Connects the way a client does that trusts only the CA; resolves to the TLS version. */
async function handshake(identity: TlsIdentity, options: { ca: string; name: string }) {
  const server = createServer({ key: identity.key, cert: identity.cert, minVersion: 'TLSv1.3' });
  server.on('secureConnection', (socket) => {
    // The client may be gone before all is sent.
    socket.on('error', () => {});
    socket.end();
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  assert(address !== null && typeof address === 'object');
  try {
    return await new Promise<string | null>((resolve, reject) => {
      const socket = connect({
        port: address.port,
        host: '127.0.0.1',
        ca: options.ca,
        servername: options.name,
      });
      socket.on('secureConnect', () => {
        resolve(socket.getProtocol());
        socket.destroy();
      });
      socket.on('error', reject);
    });
  } finally {
    server.close();
  }
}

test('openCertificateAuthority() makes an authority once and loads it from then on', async () => {
  const directory = newDirectory();
  const first = await openAuthority(directory);
  const second = await openAuthority(directory);
  assert.equal(second.caPem, first.caPem);
  const certificate = new X509Certificate(first.caPem);
  assert.deepEqual(second.caFingerprint, sha256(certificate.raw));
  assert.equal(certificate.ca, true);
  assert(certificate.verify(certificate.publicKey));
  const lifeMs = certificate.validToDate.getTime() - Date.now();
  assert(lifeMs > LIMITS.caLifeMs - DAY_MS && lifeMs <= LIMITS.caLifeMs);
});

test('openCertificateAuthority() keeps its files from everyone but their owner', async () => {
  const directory = newDirectory();
  await (await openAuthority(directory)).serverIdentity();
  const names = await readdir(directory);
  assert.deepEqual(names.sort(), ['ca.crt', 'ca.key', 'server.crt', 'server.key']);
  for (const name of names) assert.equal((await stat(join(directory, name))).mode & 0o777, 0o600);
  assert.equal((await stat(directory)).mode & 0o777, 0o700);
});

test('openCertificateAuthority() starts over when a crash left a key without its certificate', async () => {
  const directory = newDirectory();
  await openAuthority(directory);
  await unlink(join(directory, 'ca.crt'));
  const again = await openAuthority(directory);
  assert.deepEqual((await openAuthority(directory)).caFingerprint, again.caFingerprint);
});

test('openCertificateAuthority() reports lost, damaged and exchanged files and changes nothing', async () => {
  const other = newDirectory();
  await openAuthority(other);
  const damages: Record<string, (directory: string) => Promise<void>> = {
    'no key': (directory) => unlink(join(directory, 'ca.key')),
    'damaged key': (directory) => writeFile(join(directory, 'ca.key'), 'x'),
    'damaged certificate': (directory) => writeFile(join(directory, 'ca.crt'), 'x'),
    'empty certificate': (directory) => writeFile(join(directory, 'ca.crt'), ''),
    'other certificate': async (directory) =>
      writeFile(join(directory, 'ca.crt'), (await openAuthority(other)).caPem),
  };
  for (const [title, damage] of Object.entries(damages)) {
    const directory = newDirectory();
    await openAuthority(directory);
    await damage(directory);
    const before = await readdir(directory);
    await assert.rejects(
      openAuthority(directory),
      (error) => isGdpfsError(error, 'corrupt'),
      title,
    );
    assert.deepEqual(await readdir(directory), before, title);
  }
});

test('serverIdentity() is accepted over TLS 1.3 under each of its names, and under no other', async () => {
  const names = ['files.example.org', '192.0.2.7', '2001:db8::7', '0.0.0.0'];
  const authority = await openAuthority(newDirectory(), { names });
  const identity = await authority.serverIdentity();
  for (const name of ['localhost', 'files.example.org']) {
    assert.equal(await handshake(identity, { ca: authority.caPem, name }), 'TLSv1.3');
  }
  const certificate = new X509Certificate(identity.cert);
  for (const ip of ['127.0.0.1', '::1', '192.0.2.7', '2001:db8::7']) {
    assert(certificate.checkIP(ip) !== undefined, ip);
  }
  assert.equal(certificate.checkIP('0.0.0.0'), undefined);
  await assert.rejects(
    handshake(identity, { ca: authority.caPem, name: 'other.example.org' }),
    /ERR_TLS_CERT_ALTNAME_INVALID|does not match/,
  );
  const stranger = await openAuthority(newDirectory());
  await assert.rejects(handshake(identity, { ca: stranger.caPem, name: 'localhost' }));
});

test('serverIdentity() stays the same until a name is added or a third of its life is left', async () => {
  const directory = newDirectory();
  const authority = await openAuthority(directory);
  const first = await authority.serverIdentity();
  assert.deepEqual(await authority.serverIdentity(), first);
  const lifeMs = LIMITS.serverCertificateLifeMs;
  const soon = await openAuthority(directory, { laterMs: lifeMs / 2 });
  assert.deepEqual(await soon.serverIdentity(), first);

  const named = await openAuthority(directory, { names: ['new.example.org'] });
  const second = await named.serverIdentity();
  assert.notEqual(second.cert, first.cert);
  assert.notEqual(second.key, first.key);

  const late = await openAuthority(directory, { laterMs: (lifeMs * 3) / 4 });
  const third = await late.serverIdentity();
  assert(third.expiresMs > second.expiresMs + lifeMs / 2);
});

test('serverIdentity() is made anew when its files are torn, damaged or from another authority', async () => {
  const directory = newDirectory();
  const authority = await openAuthority(directory);
  const first = await authority.serverIdentity();
  const strangerDirectory = newDirectory();
  const stranger = await (await openAuthority(strangerDirectory)).serverIdentity();
  const strangerCertificate = stranger.cert.slice(0, stranger.cert.indexOf('-----END'));
  for (const [name, text] of [
    ['server.key', stranger.key],
    ['server.crt', strangerCertificate],
    ['server.key', ''],
    ['server.crt', 'x'],
  ] as const) {
    await writeFile(join(directory, name), text);
    const again = await authority.serverIdentity();
    assert.notEqual(again.cert, first.cert);
    assert.equal(await handshake(again, { ca: authority.caPem, name: 'localhost' }), 'TLSv1.3');
  }
});

test('serverCertificateNames() refuses what is neither a DNS name nor an IP address', () => {
  for (const name of [
    '',
    'a b',
    'a..b',
    '-a',
    'a/b',
    'host:7443',
    'a\n',
    'x'.repeat(64),
    'é.org',
  ]) {
    assert.throws(
      () => serverCertificateNames([name]),
      (error) => isGdpfsError(error, 'usage'),
      name,
    );
  }
  assert.deepEqual(serverCertificateNames(['a.b', 'localhost', '*.c.d', '::']), [
    'a.b',
    'localhost',
    '*.c.d',
    '127.0.0.1',
    '::1',
  ]);
});
