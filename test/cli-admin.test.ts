/** `gdpfs admin` as users and admins run it. */
import assert from 'node:assert/strict';
import { chmod, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { CliUser } from './support/cli-user.ts';
import {
  anonymousClient,
  startServerProcess,
  temporaryDirectory,
  type TestServer,
} from './support/server.ts';

let stack: AsyncDisposableStack;
let folder: string;
let server: TestServer;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  server = stack.use(await startServerProcess(join(folder, 'data')));
  await run('admin', 'login', server.url, server.adminToken ?? '');
  for (const user of ['alice', 'bob']) {
    const token = (await run('admin', 'admin', 'invite', user)).trim();
    await run(user, 'login', server.url, token);
  }
  await writeFile(join(folder, 'file'), 'some text\n');
  await run('alice', 'mkdir', 'gdp://alice/shared', 'gdp://alice/private');
  await run('alice', 'cp', join(folder, 'file'), 'gdp://alice/shared/file');
  await run('alice', 'cp', join(folder, 'file'), 'gdp://alice/private/file');
});
after(() => stack.disposeAsync());

function as(user: string): CliUser {
  return new CliUser({ home: join(folder, user) });
}

async function run(user: string, ...args: readonly string[]): Promise<string> {
  return await as(user).succeeds(args);
}

/** Its standard error. */
async function refused(user: string, ...args: readonly string[]): Promise<string> {
  return await as(user).fails(args, 77);
}

test('gdpfs admin grant lets a user in, to that directory and no further, and revoke ends it', async () => {
  await refused('bob', 'cat', 'gdp://alice/shared/file');
  const granted = await run('alice', 'admin', 'grant', 'read', 'bob', 'gdp://alice/shared');
  assert.match(granted, /^read +bob +gdp:\/\/alice\/shared$/m);
  assert.equal(await run('bob', 'cat', 'gdp://alice/shared/file'), 'some text\n');
  assert.equal(await run('bob', 'ls', '-r', 'gdp://alice/'), 'shared/\nshared/file\n');
  await refused('bob', 'cat', 'gdp://alice/private/file');
  await refused('bob', 'rm', 'gdp://alice/shared/file');
  await refused('bob', 'admin', 'grant', 'read', '*', 'gdp://alice/shared');
  await run('alice', 'mv', 'gdp://alice/shared', 'gdp://alice/renamed');
  assert.equal(await run('bob', 'cat', 'gdp://alice/renamed/file'), 'some text\n');
  const [row] = (await run('alice', 'admin', 'grants', 'gdp://alice/', '--json')).split('\n');
  const { subject, permission, path } = JSON.parse(row ?? '');
  assert.deepEqual([subject, permission, path], ['bob', 'read', '/alice/renamed']);
  assert.match(await run('bob', 'admin', 'grants', '--to', 'bob'), /gdp:\/\/alice\/renamed$/m);
  await run('alice', 'admin', 'revoke', 'bob', 'gdp://alice/renamed');
  await refused('bob', 'cat', 'gdp://alice/renamed/file');
});

test('gdpfs admin group makes groups whose members get what the group was granted', async () => {
  await refused('alice', 'admin', 'group', 'add', 'team', 'bob');
  assert.match(await run('admin', 'admin', 'group', 'add', 'team', 'bob'), /^team +bob$/m);
  await run('alice', 'admin', 'grant', 'write', 'group:team', 'gdp://alice/private');
  await run('bob', 'cp', join(folder, 'file'), 'gdp://alice/private/from-bob');
  const unknown = await as('admin').fails(['admin', 'group', 'remove', 'team', 'bib'], 66);
  assert.match(unknown, /there is no such principal/);
  await run('admin', 'admin', 'group', 'remove', 'team', 'bob');
  await refused('bob', 'cat', 'gdp://alice/private/file');
  assert.match(await run('admin', 'admin', 'group', 'ls'), /^team$/m);
  await run('admin', 'admin', 'group', 'rm', 'team');
  assert.equal(await run('alice', 'admin', 'grants', 'gdp://alice/private'), '');
});

test('gdpfs admin user rm ends what a user may do, readmit lets them log in again', async () => {
  const token = (await run('admin', 'admin', 'invite', 'carol')).trim();
  await run('carol', 'login', server.url, token);
  assert.match(await run('admin', 'admin', 'user', 'ls'), /^carol +user +active/m);
  assert.match(await run('admin', 'admin', 'user', 'rm', 'carol'), /^carol +user +revoked/m);
  assert.match(await refused('carol', 'ls', 'gdp://carol/'), /revoked/);
  await run('admin', 'admin', 'user', 'readmit', 'carol');
  const again = (await run('admin', 'admin', 'invite', 'carol')).trim();
  await run('carol', 'login', server.url, again);
  await run('carol', 'ls', 'gdp://carol/');
});

test('gdpfs admin audit tells of changes and refusals: who, what, when, from where', async () => {
  await run('alice', 'mkdir', 'gdp://alice/audited');
  await refused('bob', 'ls', 'gdp://alice/audited');
  await refused('bob', 'admin', 'audit');
  const lines = (await run('admin', 'admin', 'audit', '--json')).trim().split('\n');
  const entries = lines.map((line) => JSON.parse(line));
  // That bob was refused is a line, too, unless he was for the same within the last minute.
  const made = entries.findLast(
    ({ principal, targets }) => principal === 'alice' && targets.includes('/alice/audited'),
  );
  assert.deepEqual([made.operation, made.from], ['filesPost', '127.0.0.1']);
  assert(made.seq > 0 && made.timeMs > 0);
  const own = await run('admin', 'admin', 'audit', '--principal', 'bob');
  assert.match(own, /^\S+ \S+ +bob +127\.0\.0\.1 +auditGet +forbidden/m);
  assert.doesNotMatch(own, / alice +127/);
  const since = new Date(Date.now() + 60_000).toISOString();
  assert.equal(await run('admin', 'admin', 'audit', '--since', since), '');
});

test('gdpfs admin user add makes a bundle that is a whole login, private, and nothing but that', async () => {
  const zip = join(folder, 'dave.zip');
  const made = await as('admin').json(['admin', 'user', 'add', 'dave', '--bundle', zip, '--json']);
  assert.deepEqual([made['principal'], made['url']], ['dave', server.url]);
  assert.equal((await stat(zip)).mode & 0o777, 0o600);
  await as('admin').fails(['admin', 'user', 'add', 'eve', '--bundle', zip], 73);
  const home = join(folder, 'dave');
  await run('admin', 'admin', 'user', 'add', 'dave', '--bundle', home);
  assert.match(await run('dave', 'whoami'), /^dave \(user\)/);
  await run('dave', 'cp', join(folder, 'file'), 'gdp://dave/file');
  const files = await readdir(home, { recursive: true, withFileTypes: true });
  for (const file of files.filter((entry) => entry.isFile())) {
    const { mode } = await stat(join(file.parentPath, file.name));
    assert.equal(mode & 0o077, 0, file.name);
  }
});

test('gdpfs admin service add makes a login for a pod: read-only, long-lived, without a home', async () => {
  const home = join(folder, 'trainer');
  const args = ['admin', 'service', 'add', 'trainer', '--days', '400', '--bundle', home];
  await run('admin', ...args);
  const { certificateExpiresMs, role, volumes } = await as('trainer').json(['whoami', '--json']);
  assert.equal(role, 'service');
  assert(Number(certificateExpiresMs) > Date.now() + 399 * 24 * 3600 * 1000);
  assert.deepEqual(volumes, []);
  await refused('trainer', 'ls', 'gdp://alice/private');
  await run('alice', 'admin', 'grant', 'read', 'trainer', 'gdp://alice/private');
  for (const path of [home, join(home, 'profiles')]) await chmod(path, 0o500);
  assert.equal(await run('trainer', 'cat', 'gdp://alice/private/file'), 'some text\n');
  for (const path of [home, join(home, 'profiles')]) await chmod(path, 0o700);
  await run('admin', 'admin', 'user', 'rm', 'trainer');
  await refused('trainer', 'cat', 'gdp://alice/private/file');
});

test('gdpfs admin quota stops a volume from growing, and lets it shrink', async () => {
  const token = (await run('admin', 'admin', 'invite', 'frank', '--quota', '1000')).trim();
  await run('frank', 'login', server.url, token);
  await writeFile(join(folder, 'big'), Buffer.alloc(990));
  await run('frank', 'cp', join(folder, 'big'), 'gdp://frank/big');
  assert.match(await run('frank', 'volume', 'ls'), /^frank .* 990 B of 1\.00 KB /m);
  assert.match(await run('frank', 'whoami'), /^gdp:\/\/frank\/ holds 990 B of 1\.00 KB$/m);
  await run('frank', 'cp', join(folder, 'file'), 'gdp://frank/b');
  const second = await as('frank').fails(['cp', join(folder, 'file'), 'gdp://frank/c'], 73);
  assert.match(second, /would hold 10[0-9]{2} bytes, need at most 1000/);
  await run('frank', 'rm', 'gdp://frank/big');
  await run('frank', 'cp', join(folder, 'file'), 'gdp://frank/c');
  const shown = await run(
    'admin',
    'admin',
    'quota',
    'gdp://frank',
    '--bytes',
    '2KB',
    '--entries',
    '3',
  );
  assert.match(shown, /^frank +20 of 2000 bytes +2 of 3 entries$/m);
  await run('frank', 'mkdir', 'gdp://frank/d');
  assert.match(
    await as('frank').fails(['mkdir', 'gdp://frank/e'], 73),
    /4 entries, need at most 3/,
  );
});

test('the volume public can be read by everybody, and written by its owner alone', async () => {
  await run('admin', 'volume', 'create', 'public');
  await run('admin', 'cp', join(folder, 'file'), 'gdp://public/file');
  assert.equal(await run('bob', 'cat', 'gdp://public/file'), 'some text\n');
  assert.equal(await run('bob', 'cat', '/pfs/default/public/file'), 'some text\n');
  await refused('bob', 'cp', join(folder, 'file'), 'gdp://public/other');
  await refused('bob', 'rm', 'gdp://public/file');
});

test('gdpfs share makes a link that needs no login, lists it, and ends it', async () => {
  const url = (await run('alice', 'share', 'gdp://alice/private/file', '--expires', '2h')).trim();
  assert.match(url, /^https:\/\/\S+\/s\/[\w-]{43}$/);
  await using browser = anonymousClient(server);
  const { pathname } = new URL(url);
  assert.equal((await browser.send('GET', pathname)).text, 'some text\n');
  const [row] = (await run('alice', 'share', 'ls', '--json')).split('\n');
  const { id, path } = JSON.parse(row ?? '');
  assert.equal(path, '/alice/private/file');
  await run('alice', 'share', 'revoke', id);
  assert.equal((await browser.send('GET', pathname)).code, 'forbidden');
  assert.equal(await run('alice', 'share', 'ls'), '');
  await refused('bob', 'share', 'gdp://alice/private/file');
  await as('alice').fails(['share', 'gdp://alice/private/file', '--expires', 'never'], 64);
});

test('gdpfs admin gc says what it would free, frees it, and is for admins', async () => {
  await refused('alice', 'admin', 'gc');
  await refused('alice', 'admin', 'gc', '--status');
  const planned = JSON.parse(await run('admin', 'admin', 'gc', '--dry-run', '--json')).run;
  assert.deepEqual([planned.phase, planned.dryRun, planned.spared], ['done', true, []]);
  assert.ok(planned.files > 0);
  assert.match(
    await run('admin', 'admin', 'gc'),
    /^freed 0 B of 0 chunks, \d+ file versions? kept/,
  );
  const { run: last, nextMs } = JSON.parse(await run('admin', 'admin', 'gc', '--status', '--json'));
  assert.deepEqual([last.phase, last.dryRun], ['done', false]);
  assert.ok(nextMs > last.endedMs, 'the server does so by itself, too');
});
