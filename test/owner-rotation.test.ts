import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCli, spawnCli } from './support/cli.ts';
import { type ServerProcess, startServerAlone, temporaryDirectory } from './support/server.ts';
import type { HttpClientOptions } from './support/http-client.ts';
import { startTamperingProxy } from './support/tampering-proxy.ts';

/** Owner keys that follow each other, with the real command line and the real server. */

let stack: AsyncDisposableStack;
let folder: string;
let home: string;
let server: ServerProcess;
/** What `volume create` said. */
const names = new Map<string, string>();

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  home = join(folder, 'home');
  stack.defer(() => server[Symbol.asyncDispose]());
  server = await startServerAlone(join(folder, 'data'));
  await succeeds(['login', server.url, '-'], `${server.adminToken}\n`);
  for (const [alias, ...more] of [
    ['served', '--chunking', 'cdc'],
    ['own', '--custody', 'client'],
  ] as const) {
    const volume = await json(['volume', 'create', alias, ...more, '--json']);
    names.set(alias, String(volume['name']));
    await succeeds(['mkdir', `gdp://${alias}/first`]);
  }
});
after(() => stack.disposeAsync());

async function run(args: readonly string[], input = '', as = home) {
  return await runCli(args, { home: as, cwd: folder, input });
}

async function succeeds(args: readonly string[], input = '', as = home): Promise<string> {
  const { code, stdout, stderr } = await run(args, input, as);
  assert.equal(code, 0, `gdpfs ${args.join(' ')}\n${stderr}`);
  return stdout;
}

async function json(args: readonly string[], as = home): Promise<Record<string, unknown>> {
  return JSON.parse(await succeeds(args, '', as)) as Record<string, unknown>;
}

async function isRefused(
  args: readonly string[],
  expected: { readonly code: number; readonly state: RegExp },
  as = home,
): Promise<void> {
  const { code, stderr } = await run(args, '', as);
  assert.equal(code, expected.code, `gdpfs ${args.join(' ')}\n${stderr}`);
  assert.match(stderr, expected.state);
}

/** The server goes on with the data in another folder. */
async function restart(data: string, homes = [home]): Promise<void> {
  await server[Symbol.asyncDispose]();
  server = await startServerAlone(join(folder, data));
  for (const path of homes) await moveTo(path, server.url);
}

async function moveTo(path: string, url: string): Promise<void> {
  const file = join(path, 'config.json');
  const text = await readFile(file, 'utf8');
  await writeFile(file, text.replace(/https:\/\/127\.0\.0\.1:\d+/, url));
}

/** The same login elsewhere; it has seen nothing, and has the keys that `keep` names. */
async function otherMachine(name: string, keep = /^$/): Promise<string> {
  const other = join(folder, name);
  await cp(home, other, { recursive: true });
  await rm(join(other, 'checkpoints'), { recursive: true });
  for (const key of await readdir(join(other, 'keys'))) {
    if (!keep.test(key)) await rm(join(other, 'keys', key));
  }
  return other;
}

for (const alias of ['served', 'own']) {
  test(`after a rotation of the owner's key every command goes on as before, volume ${alias}`, async () => {
    const volume = `gdp://${alias}`;
    const name = names.get(alias) ?? '';
    const seenBefore = await otherMachine(`${alias}-before`, /./);
    await succeeds(['ls', volume], '', seenBefore);
    const rotate = ['volume', 'key', 'rotate', '--owner', volume];
    assert.equal(await succeeds(rotate), `${volume}: epoch 2, owner rotation 1\n`);
    await writeFile(join(folder, 'file'), `content of ${alias}`);
    await succeeds(['cp', 'file', `${volume}/first/file`]);
    assert.deepEqual(await json([...rotate, '--json']), { epoch: 3, ownerRotations: 2 });
    assert.equal(await succeeds(['volume', 'key', 'rotate', volume]), `${volume}: epoch 4\n`);
    await succeeds(['mkdir', `${volume}/second`]);
    assert.match(await succeeds(['stat', '--prove', `${volume}/first/file`]), /kind: +file/);
    const { problems } = await json(['verify', '--depth', 'chunks', '--json', volume]);
    assert.deepEqual(problems, []);
    // By its name, for somebody who has never seen it, and for who has seen it before.
    const stranger = await otherMachine(`${alias}-stranger`);
    const content = ['cat', '--prove', `gdp://${name}/first/file`];
    assert.equal(await succeeds(content, '', stranger), `content of ${alias}`);
    assert.equal(await succeeds(content, '', seenBefore), `content of ${alias}`);
    assert.match(await succeeds(['volume', 'checkpoint', volume]), /^owner 2 [^ ]{44}$/m);
    assert.match(await succeeds(['volume', 'trust', volume]), /epoch 4 {2}owner rotation 2$/m);
    const log = (await succeeds(['log', '--json', volume], '', stranger)).trim().split('\n');
    const lines = log.map((line) => JSON.parse(line) as { change: string; epoch: number });
    assert.deepEqual(
      lines.map(({ change, epoch }) => [change, epoch]),
      [
        ['created', 4],
        ['keys', 4],
        ['keys', 3],
        ['created', 2],
        ['keys', 2],
        ['created', 1],
        ['keys', 1],
        ['volume', 1],
      ],
    );
  });
}

test('a restart, a rebuilt index and fsck find the keys in force, and the first ones are not needed', async () => {
  await server[Symbol.asyncDispose]();
  const keys = join(folder, 'data', 'keys', 'volumes');
  const name = names.get('served') ?? '';
  await rm(join(keys, `${name}.owner.key`));
  await rm(join(keys, `${name}.writer.key`));
  await succeeds(['index', 'rebuild', '--data', join(folder, 'data')]);
  await succeeds(['fsck', '--data', join(folder, 'data')]);
  await restart('data');
  await succeeds(['cp', 'file', 'gdp://served/behind-the-restart']);
  const rotate = ['volume', 'key', 'rotate', '--owner', '--json', 'gdp://served'];
  assert.deepEqual(await json(rotate), { epoch: 5, ownerRotations: 3 });
  await succeeds(['verify', '--depth', 'chunks', 'gdp://served']);
});

test('the owner key goes to another machine through a file, and only the one in force does', async () => {
  const name = names.get('own') ?? '';
  const writers = await otherMachine('writers', /\.writer\./);
  const rotate = ['volume', 'key', 'rotate', '--owner', 'gdp://own'];
  await succeeds(['mkdir', 'gdp://own/by-who-has-the-writer-key'], '', writers);
  const missing = { code: 77, state: /its owner's key is not on this machine.*\n.*export --owner/ };
  await isRefused(rotate, missing, writers);
  await isRefused(
    ['volume', 'key', 'export', '--owner', 'gdp://own', 'none.key'],
    {
      code: 66,
      state: /its owner key is not on this machine/,
    },
    writers,
  );
  const file = join(folder, 'owner.key');
  await succeeds(['volume', 'key', 'export', '--owner', 'gdp://own', file]);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const [first = ''] = (await readdir(join(home, 'keys'))).filter((key) => key.includes('.owner.'));
  assert(first.startsWith(name));
  const importOwner = ['volume', 'key', 'import', '--owner', 'gdp://own'];
  await succeeds([...importOwner, file], '', writers);
  assert.match(await succeeds(rotate, '', writers), /owner rotation 3$/m);
  // Here is the key that was in force before: it names nobody any more.
  await isRefused(rotate, missing);
  await isRefused([...importOwner, file], { code: 74, state: /it is the key of something else/ });
  await isRefused(['volume', 'key', 'export', '--owner', 'gdp://served', 'x.key'], {
    code: 64,
    state: /the server has it/,
  });
  await succeeds(['mkdir', 'gdp://own/and-the-writer-key-stays']);
  await succeeds(['volume', 'key', 'export', '--owner', 'gdp://own', 'third.key'], '', writers);
  await succeeds([...importOwner, 'third.key']);
  // Whoever has the owner's key alone cannot sign the commit.
  const owners = await otherMachine('owners', /\.owner\./);
  await isRefused(rotate, { code: 77, state: /its writer key is not on this machine/ }, owners);
});

test('rotations at the same time give one owner after the other', async () => {
  const before = await json(['volume', 'trust', '--json', 'gdp://served']);
  const results = await Promise.all(
    Array.from({ length: 3 }, () => run(['volume', 'key', 'rotate', '--owner', 'gdp://served'])),
  );
  const done = results.filter(({ code }) => code === 0).length;
  assert(done >= 1);
  for (const { code, stderr } of results) {
    if (code !== 0) assert.match(stderr, /their epoch is \d+ by now/);
  }
  await succeeds(['mkdir', 'gdp://served/after-all']);
  const behind = await json(['volume', 'trust', '--json', 'gdp://served']);
  assert.equal(behind['ownerRotations'], Number(before['ownerRotations']) + done);
});

for (const moment of ['before', 'after'] as const) {
  test(`a client that is killed ${moment} its rotation is taken has the owner's key that counts`, async () => {
    await using proxy = await startTamperingProxy(server, { identity: await identityOf(home) });
    const other = await otherMachine(`killed-${moment}`, /./);
    await moveTo(other, proxy.url);
    const own = ['--json', 'gdp://own'];
    const before = Number((await json(['volume', 'trust', ...own]))['ownerRotations']);
    const child = spawnCli(['volume', 'key', 'rotate', '--owner', 'gdp://own'], { home: other });
    const closed = once(child, 'close');
    let kills = 0;
    const kill = ({ url }: { readonly url: URL }): boolean => {
      if (kills > 0 || !url.pathname.endsWith('/commits')) return false;
      kills += 1;
      child.kill('SIGKILL');
      return true;
    };
    if (moment === 'before') {
      // What it has signed gets no further.
      proxy.before = (request) => (kill(request) ? new Promise(() => {}) : Promise.resolve());
    } else {
      proxy.tamper = (answer) => (kill(answer) ? 'cut' : answer.body);
    }
    await closed;
    assert.equal(kills, 1);
    const rotations = before + (moment === 'after' ? 1 : 0);
    await succeeds(['mkdir', `gdp://own/killed-${moment}`], '', other);
    const seen = await json(['volume', 'trust', ...own], other);
    assert.equal(seen['ownerRotations'], rotations);
    const again = await json(['volume', 'key', 'rotate', '--owner', ...own], other);
    assert.equal(again['ownerRotations'], rotations + 1);
    // The next test has the owner key that counts now.
    await cp(join(other, 'keys'), join(home, 'keys'), { recursive: true });
    await succeeds(['verify', '--depth', 'records', 'gdp://own']);
  });
}

/** Of the only profile of a home. */
async function identityOf(path: string): Promise<Required<HttpClientOptions>> {
  const [profile = ''] = await readdir(join(path, 'profiles'));
  const [ca, certificate, key] = await Promise.all(
    ['ca.crt', 'client.crt', 'client.key'].map((name) => {
      return readFile(join(path, 'profiles', profile, name), 'utf8');
    }),
  );
  assert(ca !== undefined && certificate !== undefined && key !== undefined);
  return { url: server.url, ca, certificate, key };
}

test('whoever has seen a rotation takes no owner of the past, until trust is reset', async () => {
  await server[Symbol.asyncDispose]();
  await cp(join(folder, 'data'), join(folder, 'old'), { recursive: true });
  await restart('data');
  const witness = await otherMachine('witness', /./);
  await succeeds(['volume', 'key', 'rotate', '--owner', 'gdp://served'], '', witness);
  await succeeds(['volume', 'key', 'rotate', '--owner', 'gdp://own'], '', witness);
  await restart('old', [home, witness]);
  // The thief of the old state goes on with the owner key that was in force there.
  for (const volume of ['gdp://served', 'gdp://own']) {
    for (let times = 0; times < 2; times += 1) {
      await succeeds(['volume', 'key', 'rotate', '--owner', volume]);
    }
    await isRefused(['ls', volume], { code: 76, state: /history is not the one/ }, witness);
    await succeeds(['volume', 'trust', '--reset', volume], '', witness);
    await succeeds(['ls', volume], '', witness);
  }
});
