/** What may come from anybody, and is refused for its own reason and written down. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { AuditEntry, AuditPage, NewShare } from '../src/wire/generated/api.ts';
import { HttpClient, ok } from './support/http-client.ts';
import { issuedElsewhere, selfSigned, signedBy } from './support/odd-certificates.ts';
import type { Pair } from './support/raw-request.ts';
import { anonymousClient } from './support/server.ts';
import { startWithUsers, type TestUsers } from './support/users.ts';

const HOUR_MS = 3600 * 1000;
/** The same letter in two forms: composed, and with a combining accent. */
const [NFC, NFD] = ['\u00e9', 'e\u0301'];

let users: TestUsers<'alice' | 'bob' | 'gone'>;

before(async () => {
  users = await startWithUsers(['alice', 'bob', 'gone']);
});
after(() => users[Symbol.asyncDispose]());

async function entries(): Promise<readonly AuditEntry[]> {
  const query = { limit: 1000 };
  const { json } = await users.admin.send('GET', '/api/v1/admin/audit', { query });
  return (json as AuditPage).entries;
}

test('each certificate that is not of a principal is refused, and audited, with the reason', async () => {
  const { server, directory, gone, admin } = users;
  const keys = join(directory, 'keys');
  const client = { kind: 'client', principal: 'alice', enrolment: new Uint8Array(16) } as const;
  const now = Date.now();
  await ok(admin.send('DELETE', '/api/v1/admin/principals/gone'));
  const { certificate = '', key = '' } = gone.options;
  // Each on a route of its own: what repeats itself is only counted.
  const cases: readonly (readonly [string, Pair, RegExp])[] = [
    ['/api/v1/whoami', await signedBy(keys, client, now - 2 * HOUR_MS), /it expired/],
    ['/api/v1/volumes', { cert: certificate, key }, /revoked/],
    ['/api/v1/shares', await selfSigned(client), /not issued by this server/],
    [
      '/api/v1/admin/principals',
      await issuedElsewhere(join(directory, 'elsewhere'), 'alice'),
      /not issued by this server/,
    ],
    [
      '/api/v1/admin/groups',
      await signedBy(keys, { kind: 'server', names: ['alice'] }, now - 1000),
      /not for clients/,
    ],
    [
      '/api/v1/admin/ca',
      await signedBy(keys, { kind: 'proxy', name: 'alice' }, now - 1000),
      /names no principal/,
    ],
    ['/api/v1/admin/audit', await signedBy(keys, client, now + HOUR_MS), /not valid before/],
  ];
  const from = (await entries()).length;
  for (const [path, pair, reason] of cases) {
    const { url, ca } = server;
    await using odd = new HttpClient({ url, ca, certificate: pair.cert, key: pair.key });
    const { code, text } = await odd.send('GET', path);
    assert.equal(code, 'certificate_invalid', text);
    assert.match(text, reason);
  }
  const found = (await entries()).slice(from);
  assert.equal(found.length, cases.length);
  for (const [index, [, , reason]] of cases.entries()) {
    const { code, detail = '', from: address } = found[index] ?? assert.fail();
    assert.deepEqual([code, address], ['certificate_invalid', '127.0.0.1']);
    assert.match(detail, reason);
  }
});

test('a name in another Unicode form is another name: it has no grant, and leads nowhere', async () => {
  const { alice, bob } = users;
  const post = (json: object) => ok(alice.send('POST', '/api/v1/files', { json }));
  await post({ path: `/alice/${NFC}`, kind: 'directory' });
  const json = { subject: 'bob', permission: 'read', path: `/alice/${NFC}` };
  await ok(alice.send('POST', '/api/v1/admin/grants', { json }));
  const ask = async (path: string) =>
    (await bob.send('GET', '/api/v1/files', { query: { path } })).code;
  assert.equal(await ask(`/alice/${NFC}`), undefined);
  assert.equal(await ask(`/alice/${NFD}`), 'forbidden');
  await post({ path: `/alice/${NFD}`, kind: 'directory' });
  assert.equal(await ask(`/alice/${NFD}`), 'forbidden');
  const refused = (await entries()).filter(({ principal }) => principal === 'bob');
  assert.deepEqual(refused.at(-1)?.targets, [`/alice/${NFD}`]);
});

test('paths and queries that are no text are refused and audited', async () => {
  const { bob } = users;
  const from = (await entries()).length;
  for (const query of ['path=/bob/%ff', 'path=/bob/%ed%a0%80', 'path=%2Fbob%2F%2e%2e%2Falice']) {
    const { status, text } = await bob.send('GET', `/api/v1/files?${query}`);
    assert.equal(status, 400, `${query}: ${text}`);
  }
  const [line] = (await entries()).slice(from);
  assert.deepEqual([line?.principal, line?.code], ['bob', 'bad_request']);
});

test('a share link that was revoked is refused on an open connection, and audited with where it came from', async () => {
  const { alice, server } = users;
  const json = { path: '/alice', lifeMs: HOUR_MS };
  const { url, id } = (await ok(alice.send('POST', '/api/v1/shares', { json }))).json as NewShare;
  await using browser = anonymousClient(server);
  assert.equal((await browser.send('GET', url)).status, 200);
  await ok(alice.send('DELETE', `/api/v1/shares/${id}`));
  for (const suffix of ['', '?format=zip']) {
    const { code, text } = await browser.send('GET', url + suffix);
    assert.equal(code, 'forbidden', text);
    assert.match(text, /was revoked/);
  }
  const line = (await entries()).at(-1);
  assert.deepEqual(
    [line?.operation, line?.code, line?.from],
    ['shareLinkGet', 'forbidden', '127.0.0.1'],
  );
  assert(!JSON.stringify(line).includes(url.slice(-20)));
});
