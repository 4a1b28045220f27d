/** Share links, asked for as a browser does: without a certificate. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../src/base/limits.ts';
import type { AuditPage, NewShare } from '../src/wire/generated/api.ts';
import { MEDIA_TYPES } from '../src/wire/media-types.ts';
import { type HttpAnswer, type HttpClient, ok } from './support/http-client.ts';
import { addUser, anonymousClient, temporaryDirectory, type TestServer } from './support/server.ts';
import { startWithUsers } from './support/users.ts';

const DAY_MS = 24 * 3600 * 1000;
const BYTES = new TextEncoder().encode('<script>alert(1)</script>');
const HOSTILE = `"><script>é'`;

let stack: AsyncDisposableStack;
let server: TestServer;
let admin: HttpClient;
let alice: HttpClient;
let browser: HttpClient;
let laterMs = 0;

before(async () => {
  stack = new AsyncDisposableStack();
  const clock = { now: () => Date.now() + laterMs };
  ({ server, admin, alice } = stack.use(await startWithUsers(['alice'], { clock })));
  browser = stack.use(anonymousClient(server));
  for (const path of ['shared', 'shared/sub', 'other']) {
    await ok(
      alice.send('POST', '/api/v1/files', { json: { path: `/alice/${path}`, kind: 'directory' } }),
    );
  }
  for (const path of [`shared/${HOSTILE}`, 'shared/sub/page.html', 'other/secret']) {
    await put(`/alice/${path}`);
  }
});
after(() => stack.disposeAsync());

async function put(path: string): Promise<void> {
  const type = MEDIA_TYPES.bytes;
  await ok(alice.send('POST', '/api/v1/storage/files', { query: { path }, body: BYTES, type }));
}

async function share(path: string, lifeMs = DAY_MS): Promise<NewShare> {
  return (await ok(alice.send('POST', '/api/v1/shares', { json: { path, lifeMs } })))
    .json as NewShare;
}

async function rename(path: string, to: string): Promise<void> {
  await ok(alice.send('PATCH', '/api/v1/files', { query: { path }, json: { op: 'rename', to } }));
}

test('a shared directory is a page of links that lead to its files, and hostile names are text', async () => {
  const { url } = await share('/alice/shared');
  const page = await browser.send('GET', url);
  assert.equal(page.status, 200, page.text);
  assert.match(String(page.headers['content-security-policy']), /default-src 'none'/);
  assert(!page.text.includes('<script>'), page.text);
  assert(!page.text.includes('secret'));
  const [, href = ''] = /href="([^"]*script[^"]*)"/.exec(page.text) ?? [];
  const file = await browser.send('GET', href.replaceAll('&#39;', "'").replaceAll('&amp;', '&'));
  assert.deepEqual([file.status, file.bytes], [200, BYTES]);
  assert.match(page.text, new RegExp(`href="${url}/sub"`));
  assert.match((await browser.send('GET', `${url}/sub`)).text, /page\.html/);
});

test('a shared file is stored by a browser and never shown, also in ranges', async () => {
  const { url } = await share('/alice/shared/sub/page.html');
  const { headers, bytes } = await browser.send('GET', url);
  assert.deepEqual(bytes, BYTES);
  assert.equal(headers['content-type'], 'application/octet-stream');
  assert.equal(
    headers['content-disposition'],
    `attachment; filename="page.html"; filename*=UTF-8''page.html`,
  );
  assert.equal(headers['x-content-type-options'], 'nosniff');
  assert.match(String(headers['content-security-policy']), /sandbox/);
  assert.equal(headers['referrer-policy'], 'no-referrer');
  const part = await browser.send('GET', url, { headers: { range: 'bytes=1-6' } });
  assert.deepEqual([part.status, part.text], [206, 'script']);
});

const READ_ZIP = `
import hashlib, sys, zipfile
archive = zipfile.ZipFile(sys.argv[1])
assert archive.testzip() is None
for info in archive.infolist():
    data = archive.read(info)
    print(info.filename, oct(info.external_attr >> 16), len(data), hashlib.sha256(data).hexdigest()[:16])
`;

test('a shared directory comes as one zip archive of known length, with names and bytes right', async (context) => {
  const post = (json: object): Promise<HttpAnswer> =>
    ok(alice.send('POST', '/api/v1/files', { json }));
  for (const path of ['zipped', 'zipped/d\u00e9j\u00e0', 'zipped/empty']) {
    await post({ path: `/alice/${path}`, kind: 'directory' });
  }
  await post({ path: '/alice/zipped/link', kind: 'symlink', target: '../../other/secret' });
  const sparse = Buffer.alloc(300_001);
  await post({ path: '/alice/zipped/sparse', kind: 'file', size: 300_001 });
  const names = ['zipped/d\u00e9j\u00e0/\u4f60\u597d \u{1f600}.txt', 'zipped/a\\b'];
  for (const name of names) await put(`/alice/${name}`);
  const large = Buffer.alloc(9_000_000, 'gdpfs ');
  const query = { path: '/alice/zipped/large' };
  const type = MEDIA_TYPES.bytes;
  await ok(alice.send('POST', '/api/v1/storage/files', { query, body: large, type }));
  const { url } = await share('/alice/zipped');
  assert.match((await browser.send('GET', url)).text, /href="\?format=zip"/);
  const head = await browser.send('HEAD', `${url}?format=zip`);
  const { headers, bytes, status } = await browser.send('GET', `${url}?format=zip`);
  assert.equal(status, 200);
  assert.equal(headers['content-type'], 'application/zip');
  assert.match(String(headers['content-disposition']), /^attachment; filename="zipped\.zip"/);
  assert.match(String(headers['content-security-policy']), /sandbox/);
  assert.deepEqual(
    [headers['content-length'], head.headers['content-length']],
    [String(bytes.length), String(bytes.length)],
  );
  assert.equal((await browser.send('GET', `${url}/large?format=zip`)).code, 'not_a_directory');
  if (spawnSync('python3', ['--version']).status !== 0) {
    return context.skip('no python3 to read the archive with');
  }
  await using folder = await temporaryDirectory();
  const path = join(folder.path, 'a.zip');
  await writeFile(path, bytes);
  const { stdout, stderr } = spawnSync('python3', ['-X', 'utf8', '-c', READ_ZIP, path], {
    encoding: 'utf8',
  });
  const sum = (data: Uint8Array): string =>
    `${data.length} ${createHash('sha256').update(data).digest('hex').slice(0, 16)}`;
  const file = (name: string, data: Uint8Array): string => `${name} 0o100644 ${sum(data)}`;
  const directory = (name: string): string => `${name} 0o40755 ${sum(Buffer.alloc(0))}`;
  assert.equal(
    stdout.trimEnd(),
    [
      file('a%5Cb', BYTES),
      directory('d\u00e9j\u00e0/'),
      file('d\u00e9j\u00e0/\u4f60\u597d \u{1f600}.txt', BYTES),
      directory('empty/'),
      file('large', large),
      file('sparse', sparse),
    ].join('\n'),
    stderr,
  );
});

test('a link gives what is below its node, by no spelling anything else', async () => {
  const { url } = await share('/alice/shared');
  for (const [path, code] of [
    ['/../other/secret', 'bad_request'],
    ['/%2e%2e/other/secret', 'bad_request'],
    // Not even a path.
    ['/sub/..%2f..%2fother', 'certificate_required'],
    ['/sub//page.html', 'bad_request'],
    ['//sub', 'bad_request'],
    ['/other/secret', 'not_found'],
    ['/sub/nothing', 'not_found'],
  ]) {
    const answer = await raw(`${url}${path}`);
    assert.equal(answer.code, code, `${path}: ${answer.text}`);
  }
});

/** undici sends a path as it is. */
async function raw(path: string): Promise<HttpAnswer> {
  return await browser.send('GET', path);
}

test('a link follows renames, and does not lead to what takes the old name', async () => {
  const path = '/alice/moving';
  await ok(alice.send('POST', '/api/v1/files', { json: { path, kind: 'directory' } }));
  await put('/alice/moving/file');
  const { url } = await share(path);
  await rename(path, '/alice/moved');
  await ok(alice.send('POST', '/api/v1/files', { json: { path, kind: 'directory' } }));
  await put('/alice/moving/new');
  assert.equal((await browser.send('GET', `${url}/file`)).status, 200);
  assert.equal((await browser.send('GET', `${url}/new`)).code, 'not_found');
});

test('a link that has expired, was revoked, never was, or whose author was revoked is refused alike, and audited', async () => {
  const short = await share('/alice/shared', 1000);
  const revoked = await share('/alice/shared');
  const listed = await alice.send('GET', '/api/v1/shares');
  assert(!listed.text.includes(revoked.url.slice(3)), 'a list does not tell tokens');
  await ok(alice.send('DELETE', `/api/v1/shares/${revoked.id}`));
  await using carol = await addUser(server, admin, 'carol');
  const json = { path: '/carol', lifeMs: DAY_MS };
  const hers = (await ok(carol.send('POST', '/api/v1/shares', { json }))).json as NewShare;
  assert.equal((await browser.send('GET', hers.url)).status, 200);
  await ok(admin.send('DELETE', '/api/v1/admin/principals/carol'));
  laterMs += 2000;
  const refusals = new Set<string>();
  for (const url of [short.url, revoked.url, hers.url, '/s/AAAA', '/s/%20']) {
    const { status, text } = await browser.send('GET', url);
    assert.equal(status, 403);
    refusals.add(text);
  }
  assert.equal(refusals.size, 1);
  const { entries } = (await admin.send('GET', '/api/v1/admin/audit')).json as AuditPage;
  assert(
    entries.some(({ operation, code }) => operation === 'shareLinkGet' && code === 'forbidden'),
  );
});

test('who may not share any more is not told where the link leads', async () => {
  await using bob = await addUser(server, admin, 'bob');
  const json = { subject: 'bob', permission: 'admin', path: '/alice/other' };
  await ok(alice.send('POST', '/api/v1/admin/grants', { json }));
  const request = { json: { path: '/alice/other/secret', lifeMs: DAY_MS } };
  const link = (await ok(bob.send('POST', '/api/v1/shares', request))).json as NewShare;
  const query = { path: '/alice/other', subject: 'bob' };
  await ok(alice.send('DELETE', '/api/v1/admin/grants', { query }));
  await rename('/alice/other/secret', '/alice/other/hidden-name');
  assert.equal((await browser.send('GET', link.url)).code, 'forbidden');
  const listed = await bob.send('GET', '/api/v1/shares');
  assert(listed.text.includes(link.id) && !listed.text.includes('hidden-name'), listed.text);
});

test('the token of a link is in no file of the server', async () => {
  const { url } = await share('/alice/shared');
  await browser.send('GET', url);
  await admin.send('GET', '/api/v1/admin/audit');
  const token = url.slice('/s/'.length);
  const secret = Buffer.from(token, 'base64url');
  const names = await readdir(server.dataDirectory, { recursive: true, withFileTypes: true });
  for (const name of names.filter((entry) => entry.isFile())) {
    const bytes = await readFile(join(name.parentPath, name.name));
    assert(!bytes.includes(token) && !bytes.includes(secret), name.name);
  }
});

test('too many anonymous requests from one address have to wait', async () => {
  const { url } = await share('/alice/shared/sub/page.html');
  laterMs += 120_000;
  let busy: HttpAnswer | undefined;
  for (let count = 0; count <= 2 * LIMITS.anonymousRequestsPerMinute && !busy; count += 1) {
    const answer = await browser.send('GET', url);
    if (answer.code === 'busy') busy = answer;
  }
  assert.equal(busy?.headers['retry-after'], '1');
  assert.equal((await alice.send('GET', '/api/v1/whoami')).status, 200);
  laterMs += 120_000;
  assert.equal((await browser.send('GET', url)).status, 200);
});
