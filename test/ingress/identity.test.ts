/** Who one is behind real proxies, configured as `deploy/` says. */
import assert from 'node:assert/strict';
import { randomBytes, X509Certificate } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openHome } from '../../src/client/home.ts';
import type { Renewal, Whoami } from '../../src/wire/generated/api.ts';
import { createCertificateRequest, generateKey, type Subject } from '../../src/wire/x509.ts';
import { runCli } from '../support/cli.ts';
import { HttpClient } from '../support/http-client.ts';
import { bundleOf, INGRESS_KINDS, ingressMissing } from '../support/ingress.ts';
import { type IngressLab, openIngressLab } from '../support/ingress-lab.ts';
import { issuedElsewhere, selfSigned, signedBy } from '../support/odd-certificates.ts';
import { type Pair, type RawAnswer, sendRaw } from '../support/raw-request.ts';
import { addUser, anonymousClient } from '../support/server.ts';

const WHOAMI = '/api/v1/whoami';
const ALICE: Subject = { kind: 'client', principal: 'alice', enrolment: randomBytes(16) };
const HOUR_MS = 3600 * 1000;

for (const kind of INGRESS_KINDS) {
  describe(`behind ${kind}`, { skip: ingressMissing(kind) }, () => {
    let stack: AsyncDisposableStack;
    let lab: IngressLab;
    let alice: HttpClient;
    let bob: HttpClient;

    before(async () => {
      stack = new AsyncDisposableStack();
      lab = stack.use(await openIngressLab(kind));
      alice = stack.use(await addUser(lab.front, lab.admin, 'alice'));
      bob = stack.use(await addUser(lab.front, lab.admin, 'bob'));
    });
    after(() => stack.disposeAsync());

    const through = (pair?: Pair, fields: readonly string[] = []): Promise<RawAnswer> =>
      sendRaw({ ...lab.front, pair }, fields);

    it('a login by the address of the proxy stores a profile that works', async () => {
      const home = join(lab.folder, 'home');
      const invited = await lab.admin.send('POST', '/api/v1/admin/invitations', {
        json: { principal: 'carol' },
      });
      const { token } = invited.json as { token: string };
      const login = await runCli(['login', lab.front.url, token], { home });
      assert.equal(login.code, 0, login.stderr);
      const profile = await openHome(home).profile();
      assert.deepEqual([profile.url, profile.ca], [lab.front.url, lab.server.ca]);
      const who = await runCli(['whoami', '--json'], { home });
      assert.equal((JSON.parse(who.stdout) as Whoami).principal, 'carol');
    });

    it('a certificate is renewed, and the new one is accepted', async () => {
      const csr = await createCertificateRequest(generateKey());
      const answer = await alice.send('POST', '/api/v1/certificates', { json: { csr } });
      assert.equal(answer.status, 200, answer.text);
      const { certificate } = answer.json as Renewal;
      const names = new X509Certificate(certificate).subjectAltName ?? '';
      assert.match(names, /gdpfs:\/\/principal\/alice/);
    });

    it('a certificate that has just expired is good for nothing but getting a new one', async () => {
      const { keysDirectory, front } = lab;
      const { cert: certificate, key } = await signedBy(
        keysDirectory,
        ALICE,
        Date.now() - 2 * HOUR_MS,
      );
      await using late = new HttpClient({ ...front, certificate, key });
      const csr = await createCertificateRequest(generateKey());
      const renewal = await late.send('POST', '/api/v1/certificates', { json: { csr } });
      assert.equal(renewal.status, 200, renewal.text);
      const answer = await late.send('GET', WHOAMI);
      assert.deepEqual([answer.status, answer.code], [401, 'certificate_invalid']);
    });

    it('requests that share connections to the server have each its own identity', async () => {
      const clients = [alice, bob, lab.admin].flatMap((client) => [client, client.another()]);
      for (const client of clients) stack.use(client);
      const names = ['alice', 'alice', 'bob', 'bob', 'admin', 'admin'];
      for (let round = 0; round < 20; round++) {
        const answers = await Promise.all(clients.map((client) => client.send('GET', WHOAMI)));
        assert.deepEqual(
          answers.map(({ json }) => (json as Whoami).principal),
          names,
        );
      }
    });

    it('what needs no certificate works without one, the rest does not', async () => {
      await using anonymous = anonymousClient(lab.front);
      assert.equal((await anonymous.send('GET', '/healthz')).status, 200);
      assert.equal((await anonymous.send('GET', '/readyz')).status, 200);
      const answer = await anonymous.send('GET', WHOAMI);
      assert.deepEqual([answer.status, answer.code], [401, 'certificate_required']);
    });

    it('fields that a client forges change nobody’s identity', async () => {
      const pem = certificateOf(lab.admin);
      const der = pem.replace(/-----[A-Z ]+-----|\s/g, '');
      const values = [encodeURIComponent(pem), `:${der}:`, `Cert="${encodeURIComponent(pem)}"`, ''];
      const names = [
        'ssl-client-cert',
        'Client-Cert',
        'X-Forwarded-Client-Cert',
        'SSL-Client-Cert',
      ];
      const lookalikes = [
        'ssl_client_cert',
        'client_cert',
        'Client_Cert',
        'x_forwarded_client_cert',
      ];
      for (const name of [...names, ...lookalikes, 'client-cert-chain']) {
        for (const value of values) {
          const field = `${name}: ${value}`;
          for (const fields of [[field], [field, field]]) {
            const known = await through(pairOf(alice), fields);
            assert.deepEqual([known.status, known.body.principal], [200, 'alice'], field);
            const unknown = await through(undefined, fields);
            assert.deepEqual([unknown.status, unknown.body.code], [401, 'certificate_required']);
          }
        }
      }
    });

    it('the same fields are refused where the proxy is gone round', async () => {
      const field = `ssl-client-cert: ${encodeURIComponent(certificateOf(lab.admin))}`;
      for (const pair of [undefined, pairOf(alice)]) {
        const { url, ca } = lab.server;
        const answer = await sendRaw({ url, ca, pair }, [field]);
        assert.deepEqual([answer.status, answer.body.code], [403, 'forbidden']);
      }
    });

    it('a certificate that is no good is refused as the server itself does it', async () => {
      const { keysDirectory, folder } = lab;
      const nowMs = Date.now();
      const rows: [string, Pair, RegExp][] = [
        ['expired', await signedBy(keysDirectory, ALICE, nowMs - 2 * HOUR_MS), /it expired/],
        ['future', await signedBy(keysDirectory, ALICE, nowMs + HOUR_MS), /not valid before/],
        ['self-signed', await selfSigned(ALICE), /not issued by this server/],
        ['wrong CA', await issuedElsewhere(join(folder, 'cas'), 'alice'), /not issued by this/],
        ['wrong use', await frontPair(folder), /not for clients/],
        ['wrong SAN', lab.hop, /names no principal/],
        ['unknown enrolment', await signedBy(keysDirectory, unknown(), nowMs), /revoked/],
      ];
      for (const [what, pair, pattern] of rows) {
        const answer = await through(pair);
        assert.deepEqual([answer.status, answer.body.code], [401, 'certificate_invalid'], what);
        assert.match(answer.body.detail ?? '', pattern, what);
        // The proxy's own certificate means something else on a connection of its own.
        if (what === 'wrong SAN') continue;
        const { url, ca } = lab.server;
        assert.deepEqual(answer.body, (await sendRaw({ url, ca, pair })).body, what);
      }
    });

    it('a revocation ends what comes over connections that are open already', async () => {
      await using mallory = await addUser(lab.front, lab.admin, 'mallory');
      assert.equal((await mallory.send('GET', WHOAMI)).status, 200);
      const record = { body: { case: 'revocation', value: { principal: 'mallory' } } } as const;
      await lab.store.system.change(() => ({ records: [record], result: undefined }));
      const csr = await createCertificateRequest(generateKey());
      for (const request of [
        () => mallory.send('GET', WHOAMI),
        () => mallory.send('POST', '/api/v1/certificates', { json: { csr } }),
      ]) {
        const answer = await request();
        assert.deepEqual([answer.status, answer.code], [401, 'certificate_invalid']);
        assert.match(answer.text, /it was revoked/);
      }
    });

    it('TLS sessions are not resumed', async () => {
      const pair = pairOf(alice);
      const first = await through(pair);
      assert.equal(first.body.principal, 'alice');
      const { session } = first;
      const second = await sendRaw({ ...lab.front, pair, session });
      assert.deepEqual([second.isResumed, second.body.principal], [false, 'alice']);
      const other = await sendRaw({ ...lab.front, session });
      assert.deepEqual([other.isResumed, other.status], [false, 401]);
    });

    it('a session of a neighbouring virtual host is no way in', {
      skip: kind !== 'nginx' && 'nginx only',
    }, async () => {
      const neighbour = stack.use(await openIngressLab('nginx', { more: neighbourOf }));
      const { front, folder } = neighbour;
      const pair = await issuedElsewhere(join(folder, 'neighbour'), 'alice');
      const at = { ...front, servername: NEIGHBOUR };
      const first = await sendRaw({ ...at, pair });
      assert.equal(first.status, 204);
      const again = await sendRaw({ ...at, session: first.session });
      assert.deepEqual([again.isResumed, again.status], [true, 204]);
      // Whether nginx resumes it here, too, depends on its version (CVE-2025-23419).
      const here = await sendRaw({ ...front, servername: 'localhost', session: first.session });
      assert.deepEqual([here.status, here.body.principal], [401, undefined]);
      // Its session, and the name of this one in the request.
      const crossed = await sendRaw({ ...at, pair }, [], `GET https://localhost${WHOAMI}`);
      assert.equal(crossed.body.principal, undefined);
      assert([401, 421].includes(crossed.status), String(crossed.status));
    });
  });
}

const NEIGHBOUR = 'other.localhost';

/** A virtual host, the first at the address, that trusts another authority and resumes sessions. */
async function neighbourOf(folder: string): Promise<string> {
  const directory = join(folder, 'neighbour');
  const bundle = bundleOf(join(folder, 'data'));
  await issuedElsewhere(directory, 'alice');
  const ca = await readFile(join(directory, 'ca.crt'), 'utf8');
  await writeFile(join(folder, 'neighbour.crt'), ca);
  return `server {
    listen 127.0.0.1:PORT ssl;
    server_name ${NEIGHBOUR};
    ssl_certificate ${bundle}/front.crt;
    ssl_certificate_key ${bundle}/front.key;
    ssl_client_certificate ${folder}/neighbour.crt;
    ssl_verify_client on;
    location / { return 204; }
  }`;
}

function unknown(): Subject {
  return { kind: 'client', principal: 'nobody', enrolment: randomBytes(16) };
}

async function frontPair(folder: string): Promise<Pair> {
  const [cert = '', key = ''] = await Promise.all(
    ['front.crt', 'front.key'].map((name) =>
      readFile(join(bundleOf(join(folder, 'data')), name), 'utf8'),
    ),
  );
  return { cert, key };
}

function certificateOf({ options }: HttpClient): string {
  assert(options.certificate !== undefined);
  return options.certificate;
}

function pairOf(client: HttpClient): Pair {
  assert(client.options.key !== undefined);
  return { cert: certificateOf(client), key: client.options.key };
}
