/** Client certificates of an authority that is not the server's own, made with openssl. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { isGdpfsError } from '../src/base/errors.ts';
import { loadClientAuthority } from '../src/server/client-authority.ts';
import type { AuditPage } from '../src/wire/generated/api.ts';
import { createCertificateRequest, generateKey } from '../src/wire/x509.ts';
import { HttpClient } from './support/http-client.ts';
import { issuedElsewhere, selfSigned, signedBy } from './support/odd-certificates.ts';
import { enrol, startServerHere, temporaryDirectory, type TestServer } from './support/server.ts';

const PREFIX = 'spiffe://cluster/ns/train/sa/';
const HOUR_MS = 3600 * 1000;
const hasOpenssl = spawnSync('openssl', ['version']).status === 0;

let stack: AsyncDisposableStack;
let folder: string;
let server: TestServer;
let admin: HttpClient;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  if (hasOpenssl) makeAuthority('external');
  const clientAuthority = hasOpenssl
    ? await loadClientAuthority(join(folder, 'external.crt'), PREFIX)
    : undefined;
  server = stack.use(await startServerHere(join(folder, 'data'), { clientAuthority }));
  admin = stack.use(await enrol(server, server.adminToken ?? ''));
});
after(() => stack.disposeAsync());

function openssl(...args: readonly string[]): void {
  const { status, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
}

function makeAuthority(name: string): void {
  const subject = ['-subj', `/CN=${name}`, '-days', '2'];
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', '-x509', ...key, ...subject, '-keyout', `${name}.key`, '-out', `${name}.crt`);
}

interface Wanted {
  readonly san: string;
  readonly usage?: string;
  readonly authority?: string;
}

/** A client with a certificate that `authority` has issued. */
async function client({
  san,
  usage = 'clientAuth',
  authority = 'external',
}: Wanted): Promise<HttpClient> {
  await writeFile(
    join(folder, 'leaf.ext'),
    `subjectAltName=${san}\nextendedKeyUsage=${usage}\nbasicConstraints=CA:FALSE\n`,
  );
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  openssl('req', ...key, '-subj', '/CN=admin', '-keyout', 'leaf.key', '-out', 'leaf.csr');
  const issuer = ['-CA', `${authority}.crt`, '-CAkey', `${authority}.key`, '-CAcreateserial'];
  const request = ['-req', '-in', 'leaf.csr', '-extfile', 'leaf.ext', '-days', '1'];
  openssl('x509', ...request, ...issuer, '-out', 'leaf.crt');
  const certificate = await readFile(join(folder, 'leaf.crt'), 'utf8');
  const { url, ca } = server;
  const options = { url, ca, certificate, key: await readFile(join(folder, 'leaf.key'), 'utf8') };
  return stack.use(new HttpClient(options));
}

function needsOpenssl(context: TestContext): boolean {
  if (!hasOpenssl) context.skip('no openssl to make an authority with');
  return hasOpenssl;
}

test('a principal that an admin made may come with a certificate of the other authority, and renews nothing', async (context) => {
  if (!needsOpenssl(context)) return;
  const bob = await client({ san: `URI:${PREFIX}bob` });
  const stranger = await bob.send('GET', '/api/v1/whoami');
  assert.equal(stranger.code, 'certificate_invalid', 'nobody made it');
  const made = await admin.send('POST', '/api/v1/admin/principals', { json: { name: 'bob' } });
  assert.equal(made.status, 201, made.text);
  const me = await bob.send('GET', '/api/v1/whoami');
  const { principal, role, volumes } = me.json as { [name: string]: unknown };
  assert.deepEqual([principal, role, volumes], ['bob', 'user', ['bob']]);
  const csr = await createCertificateRequest(generateKey());
  const renewal = await bob.send('POST', '/api/v1/certificates', { json: { csr } });
  assert.equal(renewal.code, 'forbidden');
  await admin.send('DELETE', '/api/v1/admin/principals/bob');
  assert.equal((await bob.send('GET', '/api/v1/whoami')).code, 'certificate_invalid');
});

test('of the other authority only certificates for clients that name one principal are accepted', async (context) => {
  if (!needsOpenssl(context)) return;
  makeAuthority('stranger');
  const wanted: readonly [Wanted, RegExp][] = [
    [{ san: `URI:${PREFIX}admin`, usage: 'serverAuth' }, /not for clients/],
    [{ san: `URI:${PREFIX}admin,URI:${PREFIX}bob` }, /names no principal/],
    [{ san: 'URI:gdpfs://principal/admin' }, /names no principal/],
    [{ san: `URI:x${PREFIX}admin` }, /names no principal/],
    [{ san: `URI:${PREFIX}admin/../x` }, /names no principal/],
    [{ san: 'DNS:admin' }, /names no principal/],
    [{ san: `URI:${PREFIX}admin`, authority: 'stranger' }, /not issued by this server/],
  ];
  for (const [want, detail] of wanted) {
    const answer = await (await client(want)).send('GET', '/api/v1/whoami');
    assert.equal(answer.code, 'certificate_invalid', JSON.stringify(want));
    assert.match(answer.text, detail);
  }
});

test('self-signed, foreign, expired and misused certificates are refused, each for its reason, and audited', async () => {
  const keys = join(server.dataDirectory, 'keys');
  const enrolment = new Uint8Array(16);
  const subject = { kind: 'client', principal: 'admin', enrolment } as const;
  const serverSubject = { kind: 'server', names: ['admin'] } as const;
  const now = Date.now();
  const pairs = [
    [await selfSigned(subject), /not issued by this server/],
    [await issuedElsewhere(join(folder, 'elsewhere'), 'admin'), /not issued by this server/],
    [await signedBy(keys, subject, now - 2 * HOUR_MS), /expired/],
    [await signedBy(keys, subject, now + HOUR_MS), /not valid before/],
    [await signedBy(keys, serverSubject, now - 1000), /not for clients/],
  ] as const;
  const { url, ca } = server;
  for (const [{ cert: certificate, key }, detail] of pairs) {
    await using odd = new HttpClient({ url, ca, certificate, key });
    const answer = await odd.send('GET', '/api/v1/files', { query: { path: '/x' } });
    assert.equal(answer.code, 'certificate_invalid');
    assert.match(answer.text, detail);
  }
  const { entries } = (await admin.send('GET', '/api/v1/admin/audit')).json as AuditPage;
  const seen = entries.filter(({ code, operation }) => {
    return code === 'certificate_invalid' && operation === 'filesGet';
  });
  assert(seen.length > 0 && seen[0]?.from === '127.0.0.1');
});

test('a file that is no certificate of an authority is refused when the server starts', async (context) => {
  if (!needsOpenssl(context)) return;
  await client({ san: 'DNS:leaf' });
  for (const [name, text] of [
    ['missing', undefined],
    ['text', 'no certificate'],
    ['leaf', await readFile(join(folder, 'leaf.crt'), 'utf8')],
  ] as const) {
    const path = join(folder, name);
    if (text !== undefined) await writeFile(path, text);
    const loaded = loadClientAuthority(path, PREFIX);
    await assert.rejects(loaded, (error) => isGdpfsError(error, 'usage'), name);
  }
});
