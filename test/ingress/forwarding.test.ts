/** Certificates in header fields, as the server takes them and as it does not: no proxy is needed. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setImmediate as turn } from 'node:timers/promises';
import { after, before, beforeEach, test } from 'node:test';
import { LIMITS } from '../../src/base/limits.ts';
import { openFileSystem, type OpenedFileSystem } from '../../src/fs/open.ts';
import type { AuditPage } from '../../src/wire/generated/api.ts';
import { openCertificateAuthority } from '../../src/server/ca.ts';
import { parseTrustedProxies } from '../../src/server/trusted-proxy.ts';
import { makeProxyBundle } from '../../src/server/proxy-bundle.ts';
import type { HttpClient } from '../support/http-client.ts';
import { issuedElsewhere, selfSigned } from '../support/odd-certificates.ts';
import { type Pair, type RawAnswer, sendRaw } from '../support/raw-request.ts';
import {
  addUser,
  enrol,
  startServerHere,
  temporaryDirectory,
  type TestServer,
} from '../support/server.ts';

const PROXIES = ['edge=nginx', 'inner=rfc9440', 'mesh=xfcc'] as const;
type Proxy = 'edge' | 'inner' | 'mesh';
const CLIENT_LIFE_MS = LIMITS.clientCertificateLifeMs;

let stack: AsyncDisposableStack;
let laterMs = 0;
let folder: string;
let server: TestServer;
let store: OpenedFileSystem;
let alice: Pair;
let admin: HttpClient;
let hops: Record<Proxy, Pair>;
const clock = { now: () => Date.now() + laterMs };
const logLines: string[] = [];

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  const trustedProxies = parseTrustedProxies(PROXIES);
  store = await openFileSystem({
    directory: join(folder, 'data', 'store'),
    keysDirectory: join(folder, 'data', 'keys'),
    clock,
    warn: (message) => assert.fail(message),
  });
  server = stack.use(
    await startServerHere(join(folder, 'data'), { clock, store, trustedProxies, logLines }),
  );
  admin = stack.use(await enrol(server, server.adminToken ?? ''));
  alice = pairOf(stack.use(await addUser(server, admin, 'alice')));
  hops = { edge: await hopOf('edge'), inner: await hopOf('inner'), mesh: await hopOf('mesh') };
});
beforeEach(() => {
  laterMs = 0;
});
after(() => stack.disposeAsync());

async function hopOf(name: string, keysDirectory = join(folder, 'data', 'keys')): Promise<Pair> {
  const directory = join(folder, 'proxies', name);
  const auditDirectory = join(folder, 'data', 'audit');
  await makeProxyBundle({ keysDirectory, auditDirectory, name, names: [], directory, clock });
  return {
    cert: await readFile(join(directory, 'hop.crt'), 'utf8'),
    key: await readFile(join(directory, 'hop.key'), 'utf8'),
  };
}

function pairOf({ options }: HttpClient): Pair {
  assert(options.certificate !== undefined && options.key !== undefined);
  return { cert: options.certificate, key: options.key };
}

function send(
  pair: Pair | undefined,
  fields: readonly string[],
  { line, at = server }: { line?: string; at?: TestServer } = {},
): Promise<RawAnswer> {
  return sendRaw({ url: at.url, ca: at.ca, pair }, fields, line);
}

const ESCAPED = (pem: string): string => encodeURIComponent(pem);
const DER = (pem: string): string => pem.replace(/-----[A-Z ]+-----|\s/g, '');

/** The field with which each proxy forwards a certificate. */
const FIELD: Record<Proxy, (pem: string) => string> = {
  edge: (pem) => `ssl-client-cert: ${ESCAPED(pem)}`,
  inner: (pem) => `Client-Cert: :${DER(pem)}:`,
  mesh: (pem) =>
    `X-Forwarded-Client-Cert: Hash=00;Cert="${ESCAPED(pem)}";URI=gdpfs://principal/root`,
};

function refused(answer: RawAnswer, code: string, pattern: RegExp): void {
  assert.equal(answer.body.code, code, JSON.stringify(answer.body));
  assert.match(answer.body.detail ?? '', pattern);
  assert.equal(answer.body.principal, undefined);
}

test('a certificate that a trusted proxy forwards is the identity of the request', async () => {
  for (const proxy of ['edge', 'inner', 'mesh'] as const) {
    const answer = await send(hops[proxy], [FIELD[proxy](alice.cert)]);
    assert.deepEqual([answer.status, answer.body.principal], [200, 'alice'], proxy);
  }
  const chain = ['Client-Cert-Chain: :AAAA:', 'Client-Cert-Chain: :AAAA:, :AAAA:'];
  const answer = await send(hops.inner, [FIELD.inner(alice.cert), ...chain]);
  assert.equal(answer.body.principal, 'alice');
});

test('a proxy has no identity of its own, and none without a forwarded certificate', async () => {
  for (const proxy of ['edge', 'inner', 'mesh'] as const) {
    refused(await send(hops[proxy], []), 'certificate_required', /no client certificate/);
  }
  refused(await send(hops.edge, ['ssl-client-cert:']), 'certificate_required', /no client/);
  const health = await send(hops.edge, [], { line: 'GET /healthz' });
  assert.deepEqual([health.status, health.body.status as unknown], [200, 'ok']);
});

test('a client that sends such a field itself is refused on every route, whoever it is', async () => {
  const forged = Object.values(FIELD).map((field) => field(alice.cert));
  const fields = [...forged, 'Client-Cert-Chain: :AAAA:', 'client-cert:', 'SSL-CLIENT-CERT: x'];
  for (const pair of [undefined, alice, pairOf(admin)]) {
    for (const field of fields) {
      for (const line of ['GET /api/v1/whoami', 'GET /healthz', 'GET /nowhere']) {
        const answer = await send(pair, [field], { line });
        assert.equal(answer.status, 403);
        refused(answer, 'forbidden', /need a trusted proxy for that/);
      }
    }
  }
});

test('names that only look like the field are no identity', async () => {
  const value = ESCAPED(alice.cert);
  const names = ['ssl_client_cert', 'client_cert', 'ssl-client-cert-', 'x-ssl-client-cert'];
  for (const name of names) {
    const answer = await send(hops.edge, [`${name}: ${value}`]);
    refused(answer, 'certificate_required', /no client certificate/);
  }
  for (const name of ['ssl-client-cert ', ' ssl-client-cert', 'ssl-client-cert\t']) {
    const answer = await send(hops.edge, [`${name}: ${value}`]);
    refused(answer, 'bad_request', /not well-formed HTTP/);
  }
});

test('a proxy is held to the one form that it was configured for', async () => {
  for (const proxy of ['edge', 'inner', 'mesh'] as const) {
    for (const other of ['edge', 'inner', 'mesh'] as const) {
      if (other === proxy) continue;
      const alone = await send(hops[proxy], [FIELD[other](alice.cert)]);
      refused(alone, 'forbidden', /which may forward a certificate, need "/);
      const both = await send(hops[proxy], [FIELD[proxy](alice.cert), FIELD[other](alice.cert)]);
      refused(both, 'forbidden', /which may forward a certificate, need "/);
    }
  }
  const chain = await send(hops.inner, ['Client-Cert-Chain: :AAAA:']);
  refused(chain, 'forbidden', /a chain of certificates without "client-cert"/);
});

test('a doubled field is refused, equal or not, empty or not', async () => {
  const bob = pairOf(stack.use(await addUser(server, admin, 'bob')));
  for (const proxy of ['edge', 'inner', 'mesh'] as const) {
    const own = FIELD[proxy](alice.cert);
    for (const second of [own, FIELD[proxy](bob.cert), `${own.split(':')[0]}:`]) {
      for (const fields of [
        [own, second],
        [second, own],
      ]) {
        const answer = await send(hops[proxy], fields);
        refused(answer, 'forbidden', /2 times, need one/);
      }
    }
    const joined = `${own}, ${own.slice(own.indexOf(' ') + 1)}`;
    refused(await send(hops[proxy], [joined]), 'bad_request', /cannot read the forwarded/);
  }
});

test('malformed and oversized fields are refused, and the next request is served', async () => {
  const bad = ['x', ':x:', '%', 'Cert="', `Cert="${'A'.repeat(50)}"`, ':AA==:, :AA==:', '\u00e9'];
  for (const proxy of ['edge', 'inner', 'mesh'] as const) {
    const name = FIELD[proxy]('').split(':')[0] ?? '';
    for (const value of [...bad, 'A'.repeat(LIMITS.forwardedCertificateLengthMax + 1)]) {
      const answer = await send(hops[proxy], [`${name}: ${value}`]);
      refused(answer, 'bad_request', /cannot read the forwarded certificate: it/);
    }
    const huge = await send(hops[proxy], [`${name}: ${'A'.repeat(LIMITS.requestHeaderBytesMax)}`]);
    refused(huge, 'bad_request', /its head is too long/);
    const noCertificate = Buffer.from(randomBytes(200)).toString('base64');
    const pem = `-----BEGIN CERTIFICATE-----\n${noCertificate}\n-----END CERTIFICATE-----\n`;
    refused(await send(hops[proxy], [FIELD[proxy](pem)]), 'certificate_invalid', /cannot be read/);
    const again = await send(hops[proxy], [FIELD[proxy](alice.cert)]);
    assert.equal(again.body.principal, 'alice');
  }
  // A certificate in PEM where the bytes of one belong, and one with something behind it.
  const pem = Buffer.from(alice.cert).toString('base64');
  refused(await send(hops.inner, [`Client-Cert: :${pem}:`]), 'certificate_invalid', /be read/);
  const der = Buffer.from(DER(alice.cert), 'base64');
  const longer = Buffer.concat([der, Buffer.alloc(3)]).toString('base64');
  refused(await send(hops.inner, [`Client-Cert: :${longer}:`]), 'certificate_invalid', /be read/);
});

test('a forwarded certificate is checked as one of a connection is: for the same reasons, in the same words', async () => {
  const foreign = await selfSigned({
    kind: 'client',
    principal: 'alice',
    enrolment: randomBytes(16),
  });
  const other = await issuedElsewhere(join(folder, 'authorities'), 'alice');
  const rows: [string, Pair, RegExp][] = [
    ['self-signed', foreign, /not issued by this server/],
    ['of another authority', other, /not issued by this server/],
    ['of a server', await frontOf('edge'), /not for clients/],
    ['of a proxy', hops.inner, /names no principal/],
  ];
  for (const [what, pair, pattern] of rows) {
    const forwarded = await send(hops.edge, [FIELD.edge(firstOf(pair.cert))]);
    refused(forwarded, 'certificate_invalid', pattern);
    if (what === 'of a proxy') continue;
    const direct = await send(pair, []);
    assert.deepEqual(forwarded.body, direct.body, what);
  }
  laterMs = CLIENT_LIFE_MS + 60_000;
  const forwarded = await send(hops.edge, [FIELD.edge(alice.cert)]);
  refused(forwarded, 'certificate_invalid', /it expired/);
  assert.deepEqual(forwarded.body, (await send(alice, [])).body);
});

test('a certificate that was accepted is refused from the moment that it is not valid any more', async () => {
  const known = [FIELD.edge(alice.cert)];
  assert.equal((await send(hops.edge, known)).body.principal, 'alice');
  laterMs = CLIENT_LIFE_MS + 60_000;
  refused(await send(hops.edge, known), 'certificate_invalid', /it expired/);
});

test('a proxy is trusted by name, and only while its own certificate is valid', async () => {
  const stranger = await hopOf('stranger');
  const forged = await send(stranger, [FIELD.edge(alice.cert)]);
  refused(forged, 'forbidden', /need a trusted proxy/);
  refused(await send(stranger, []), 'certificate_invalid', /names no principal/);

  const keysDirectory = join(folder, 'elsewhere');
  await openCertificateAuthority({ directory: keysDirectory, names: [], clock });
  const imposter = await hopOf('edge', keysDirectory);
  refused(await send(imposter, [FIELD.edge(alice.cert)]), 'forbidden', /need a trusted proxy/);

  const unsigned = await selfSigned({ kind: 'proxy', name: 'edge' });
  refused(await send(unsigned, [FIELD.edge(alice.cert)]), 'forbidden', /need a trusted proxy/);

  laterMs = LIMITS.serverCertificateLifeMs + 60_000;
  const expired = await send(hops.edge, [FIELD.edge(alice.cert)]);
  refused(expired, 'certificate_invalid', /of the proxy "edge": it expired/);
});

test('without trusted proxies the certificate of one opens nothing', async () => {
  const data = join(folder, 'alone');
  await using alone = await startServerHere(data, { clock });
  await using owner = await enrol(alone, alone.adminToken ?? '');
  const hop = await hopOf('edge', join(data, 'keys'));
  const field = FIELD.edge(pairOf(owner).cert);
  refused(await send(hop, [field], { at: alone }), 'forbidden', /need a trusted proxy/);
  refused(await send(hop, [], { at: alone }), 'certificate_invalid', /names no principal/);
});

test('a certificate that was accepted is refused from the moment that it is revoked', async () => {
  const mallory = pairOf(stack.use(await addUser(server, admin, 'mallory')));
  const known = [FIELD.edge(mallory.cert)];
  assert.equal((await send(hops.edge, known)).body.principal, 'mallory');
  const record = { body: { case: 'revocation', value: { principal: 'mallory' } } } as const;
  await store.system.change(() => ({ records: [record], result: undefined }));
  refused(await send(hops.edge, known), 'certificate_invalid', /it was revoked/);
  const line = 'POST /api/v1/certificates';
  refused(await send(hops.edge, known, { line }), 'certificate_invalid', /it was revoked/);
});

test('the log says through which proxy a request came, and for which address', async () => {
  const carol = pairOf(stack.use(await addUser(server, admin, 'carol')));
  await send(hops.edge, [FIELD.edge(carol.cert), 'X-Forwarded-For: 198.51.100.9, 203.0.113.7']);
  await send(hops.edge, [FIELD.edge(carol.cert), 'X-Forwarded-For: somebody']);
  await send(carol, ['X-Forwarded-For: 203.0.113.7']);
  const ofCarol = (): Record<string, unknown>[] =>
    logLines
      .map((line) => JSON.parse(line) as Record<string, unknown>)
      .filter(({ msg, principal }) => msg === 'request' && principal === 'carol');
  // A line is written when its answer is out.
  while (ofCarol().length < 3) await turn();
  assert.deepEqual(
    ofCarol().map(({ from, proxy, principal }) => [from, proxy, principal]),
    [
      ['203.0.113.7', 'edge', 'carol'],
      ['127.0.0.1', 'edge', 'carol'],
      ['127.0.0.1', undefined, 'carol'],
    ],
  );
  for (const line of logLines) assert(!line.includes('CERTIFICATE'));
});

test('refused forgeries are in the audit log, with what they came from and through', async () => {
  // On a server of its own: where much was refused before, refusals are only counted.
  const data = join(folder, 'audited');
  const trustedProxies = parseTrustedProxies(PROXIES);
  await using quiet = await startServerHere(data, { clock, trustedProxies });
  await using owner = await enrol(quiet, quiet.adminToken ?? '');
  const eve = pairOf(stack.use(await addUser(quiet, owner, 'eve')));
  const hop = await hopOf('edge', join(data, 'keys'));
  const field = FIELD.edge(pairOf(owner).cert);
  const from = 'X-Forwarded-For: 203.0.113.7';
  await send(eve, [field, from], { at: quiet });
  await send(hop, [field, field, from], { at: quiet });
  const audit = await owner.send('GET', '/api/v1/admin/audit');
  const { entries } = audit.json as AuditPage;
  const forbidden = entries.filter(({ code }) => code === 'forbidden');
  assert.deepEqual(
    forbidden.map((entry) => [entry.from, entry.proxy, entry.principal]),
    [
      ['127.0.0.1', undefined, undefined],
      ['203.0.113.7', 'edge', undefined],
    ],
    audit.text,
  );
  assert(!audit.text.includes('CERTIFICATE'));
});

/** The first certificate of a file that may have several. */
function firstOf(pem: string): string {
  return /-----BEGIN[^]*?-----END CERTIFICATE-----\n/.exec(pem)?.[0] ?? '';
}

async function frontOf(name: Proxy): Promise<Pair> {
  const directory = join(folder, 'proxies', name);
  return {
    cert: await readFile(join(directory, 'front.crt'), 'utf8'),
    key: await readFile(join(directory, 'front.key'), 'utf8'),
  };
}
