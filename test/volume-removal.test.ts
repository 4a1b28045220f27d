import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openHome } from '../src/client/home.ts';
import { Servers } from '../src/client/servers.ts';
import { isGdpfsError } from '../src/base/errors.ts';
import type { NewShare, Volume } from '../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import { type HttpClient, ok } from './support/http-client.ts';
import { anonymousClient, temporaryDirectory, type TestServer } from './support/server.ts';
import { startWithUsers } from './support/users.ts';

/** What is left of a volume that was removed, for those who had to do with it. */

const ROUTE = '/api/v1/volumes';

let stack: AsyncDisposableStack;
let server: TestServer;
let admin: HttpClient;
let alice: HttpClient;

before(async () => {
  stack = new AsyncDisposableStack();
  ({ server, admin, alice } = stack.use(await startWithUsers(['alice'])));
});
after(() => stack.disposeAsync());

async function create(alias: string): Promise<Volume> {
  return (await ok(admin.send('POST', ROUTE, { json: { name: alias } }))).json as Volume;
}

async function put(client: HttpClient, path: string): Promise<void> {
  const body = new Uint8Array([1, 2, 3]);
  const request = { query: { path }, body, type: MEDIA_TYPES.bytes };
  await ok(client.send('POST', '/api/v1/storage/files', request));
}

async function codeOf(answer: ReturnType<HttpClient['send']>): Promise<unknown> {
  const { status, code } = await answer;
  return code ?? status;
}

test('a volume that is not empty is removed only by force, and then there is nothing of it for anybody', async () => {
  const { name } = await create('gone');
  const grant = { subject: 'alice', permission: 'admin', path: '/gone' };
  await ok(admin.send('POST', '/api/v1/admin/grants', { json: grant }));
  await put(alice, '/gone/f');
  const json = { path: '/gone/f', lifeMs: 60_000 };
  const { url } = (await ok(alice.send('POST', '/api/v1/shares', { json }))).json as NewShare;
  const opened = await ok(
    alice.send('POST', '/api/v1/files', { json: { path: '/gone/up', kind: 'upload', size: 3 } }),
  );
  assert.equal(await codeOf(alice.send('DELETE', `${ROUTE}/gone`)), 'forbidden');
  assert.equal(await codeOf(admin.send('DELETE', `${ROUTE}/gone`)), 'not_empty');
  await ok(alice.send('GET', '/api/v1/files', { query: { path: '/gone/f' } }));

  const waiting = alice.send('GET', `${ROUTE}/gone/changes`, { query: { wait: 30 } });
  const headers = { 'idempotency-key': 'once' };
  const query = { force: true };
  const first = await ok(admin.send('DELETE', `${ROUTE}/${name}`, { query, headers }));
  assert.deepEqual(first.json, { alias: 'gone', name });
  const repeated = await ok(admin.send('DELETE', `${ROUTE}/${name}`, { query, headers }));
  assert.deepEqual(repeated.json, first.json);
  assert.equal(await codeOf(waiting), 'forbidden');

  for (const reference of ['gone', name]) {
    const path = `/${reference}/f`;
    assert.equal(
      await codeOf(alice.send('GET', '/api/v1/files', { query: { path } })),
      'forbidden',
    );
    assert.equal(
      await codeOf(admin.send('GET', '/api/v1/files', { query: { path } })),
      'not_found',
    );
    assert.equal(await codeOf(admin.send('DELETE', `${ROUTE}/${reference}`)), 'not_found');
  }
  const { upload } = opened.json as { upload?: string };
  assert.equal(typeof upload, 'string');
  const rest = { query: { upload: upload ?? '' } };
  assert.equal(await codeOf(alice.send('GET', '/api/v1/file/chunks', rest)), 'forbidden');
  await using browser = anonymousClient(server);
  assert.equal((await browser.send('GET', url)).status, 403);
  const shares = (await ok(alice.send('GET', '/api/v1/shares'))).json as { shares: unknown[] };
  assert.deepEqual(shares.shares, []);
  const listed = (await ok(admin.send('GET', ROUTE))).json as { volumes: Volume[] };
  assert(!listed.volumes.some((volume) => volume.alias === 'gone'));
});

test('another volume of its name has nothing of it, and is refused by who knew the one before', async () => {
  const { name } = await create('again');
  const { path } = stack.use(await temporaryDirectory());
  const home = openHome(path);
  const { url, ca, key = '', certificate = '' } = admin.options;
  await home.prepare();
  await home.saveProfile({ name: 'default', url, principal: 'admin', ca, certificate, key });
  const locate = async (): Promise<string> => {
    await using servers = new Servers(home, undefined);
    return (await servers.locateText('gdp://again/')).trusted.name;
  };
  assert.equal(await locate(), name);
  const grant = { subject: 'alice', permission: 'read', path: '/again' };
  await ok(admin.send('POST', '/api/v1/admin/grants', { json: grant }));
  await ok(admin.send('DELETE', `${ROUTE}/again`));
  const other = await create('again');
  assert.notEqual(other.name, name);
  const query = { path: '/again' };
  assert.equal(await codeOf(alice.send('GET', '/api/v1/files', { query })), 'forbidden');
  await assert.rejects(locate, (error: unknown) => {
    assert(isGdpfsError(error, 'untrusted'), String(error));
    assert.match(error.message, /another volume there now/);
    assert.match(error.hint ?? '', /gdpfs volume trust --reset gdp:\/\/again/);
    return true;
  });
});
