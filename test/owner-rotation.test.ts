import assert from 'node:assert/strict';
import { once } from 'node:events';
import { cp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { spawnCli } from './support/cli.ts';
import { type CommandLine, moveLogin, startCommandLine } from './support/command-line.ts';
import type { HttpClientOptions } from './support/http-client.ts';
import { startTamperingProxy } from './support/tampering-proxy.ts';

/** Owner keys that follow each other, with the real command line and the real server. */

let line: CommandLine;
/** What `volume create` said. */
const names = new Map<string, string>();

before(async () => {
  line = await startCommandLine();
  for (const [alias, ...more] of [
    ['served', '--chunking', 'cdc'],
    ['own', '--custody', 'client'],
  ] as const) {
    const volume = await line.json(['volume', 'create', alias, ...more, '--json']);
    names.set(alias, String(volume['name']));
    await line.succeeds(['mkdir', `gdp://${alias}/first`]);
  }
});
after(() => line[Symbol.asyncDispose]());

async function isRefused(
  args: readonly string[],
  expected: { readonly code: number; readonly state: RegExp },
  home = line.home,
): Promise<void> {
  assert.match(await line.fails(args, expected.code, { home }), expected.state);
}

/** The same login elsewhere; it has seen nothing, and has the keys that `keep` names. */
async function otherMachine(name: string, keep = /^$/): Promise<string> {
  const other = line.path(name);
  await cp(line.home, other, { recursive: true });
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
    await line.succeeds(['ls', volume], { home: seenBefore });
    const rotate = ['volume', 'key', 'rotate', '--owner', volume];
    assert.equal(await line.succeeds(rotate), `${volume}: epoch 2, owner rotation 1\n`);
    await writeFile(line.path('file'), `content of ${alias}`);
    await line.succeeds(['cp', 'file', `${volume}/first/file`]);
    assert.deepEqual(await line.json([...rotate, '--json']), { epoch: 3, ownerRotations: 2 });
    assert.equal(await line.succeeds(['volume', 'key', 'rotate', volume]), `${volume}: epoch 4\n`);
    await line.succeeds(['mkdir', `${volume}/second`]);
    assert.match(await line.succeeds(['stat', '--prove', `${volume}/first/file`]), /kind: +file/);
    const { problems } = await line.json(['verify', '--depth', 'chunks', '--json', volume]);
    assert.deepEqual(problems, []);
    // By its name, for somebody who has never seen it, and for who has seen it before.
    const stranger = await otherMachine(`${alias}-stranger`);
    const content = ['cat', '--prove', `gdp://${name}/first/file`];
    assert.equal(await line.succeeds(content, { home: stranger }), `content of ${alias}`);
    assert.equal(await line.succeeds(content, { home: seenBefore }), `content of ${alias}`);
    assert.match(await line.succeeds(['volume', 'checkpoint', volume]), /^owner 2 [^ ]{44}$/m);
    assert.match(await line.succeeds(['volume', 'trust', volume]), /epoch 4 {2}owner rotation 2$/m);
    const log = (await line.succeeds(['log', '--json', volume], { home: stranger }))
      .trim()
      .split('\n');
    const lines = log.map((line) => JSON.parse(line) as { change: string; epoch: number });
    assert.deepEqual(
      lines.map(({ change, epoch }) => [change, epoch]),
      [
        ['created', 4],
        ['policy', 4],
        ['policy', 3],
        ['created', 2],
        ['policy', 2],
        ['created', 1],
        ['policy', 1],
        ['volume', 1],
      ],
    );
  });
}

test('a restart, a rebuilt index and fsck find the keys in force, and the first ones are not needed', async () => {
  await line.stopServer();
  const keys = line.path('data', 'keys', 'volumes');
  const name = names.get('served') ?? '';
  await rm(join(keys, `${name}.owner.key`));
  await rm(join(keys, `${name}.writer.key`));
  await line.succeeds(['index', 'rebuild', '--data', line.path('data')]);
  await line.succeeds(['fsck', '--data', line.path('data')]);
  await line.startServer();
  await line.succeeds(['cp', 'file', 'gdp://served/behind-the-restart']);
  const rotate = ['volume', 'key', 'rotate', '--owner', '--json', 'gdp://served'];
  assert.deepEqual(await line.json(rotate), { epoch: 5, ownerRotations: 3 });
  await line.succeeds(['verify', '--depth', 'chunks', 'gdp://served']);
});

test('the owner key goes to another machine through a file, and only the one in force does', async () => {
  const name = names.get('own') ?? '';
  const writers = await otherMachine('writers', /\.writer\./);
  const rotate = ['volume', 'key', 'rotate', '--owner', 'gdp://own'];
  await line.succeeds(['mkdir', 'gdp://own/by-who-has-the-writer-key'], { home: writers });
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
  const file = line.path('owner.key');
  await line.succeeds(['volume', 'key', 'export', '--owner', 'gdp://own', file]);
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  const [first = ''] = (await readdir(join(line.home, 'keys'))).filter((key) =>
    key.includes('.owner.'),
  );
  assert(first.startsWith(name));
  const importOwner = ['volume', 'key', 'import', '--owner', 'gdp://own'];
  await line.succeeds([...importOwner, file], { home: writers });
  assert.match(await line.succeeds(rotate, { home: writers }), /owner rotation 3$/m);
  // Here is the key that was in force before: it names nobody any more.
  await isRefused(rotate, missing);
  await isRefused([...importOwner, file], { code: 74, state: /it is the key of something else/ });
  await isRefused(['volume', 'key', 'export', '--owner', 'gdp://served', 'x.key'], {
    code: 64,
    state: /the server has it/,
  });
  await line.succeeds(['mkdir', 'gdp://own/and-the-writer-key-stays']);
  await line.succeeds(['volume', 'key', 'export', '--owner', 'gdp://own', 'third.key'], {
    home: writers,
  });
  await line.succeeds([...importOwner, 'third.key']);
  // Whoever has the owner's key alone cannot sign the commit.
  const owners = await otherMachine('owners', /\.owner\./);
  await isRefused(rotate, { code: 77, state: /its writer key is not on this machine/ }, owners);
});

test('rotations at the same time give one owner after the other', async () => {
  const before = await line.json(['volume', 'trust', '--json', 'gdp://served']);
  const results = await Promise.all(
    Array.from({ length: 3 }, () =>
      line.run(['volume', 'key', 'rotate', '--owner', 'gdp://served']),
    ),
  );
  const done = results.filter(({ code }) => code === 0).length;
  assert(done >= 1);
  for (const { code, stderr } of results) {
    if (code !== 0) assert.match(stderr, /their epoch is \d+ by now/);
  }
  await line.succeeds(['mkdir', 'gdp://served/after-all']);
  const behind = await line.json(['volume', 'trust', '--json', 'gdp://served']);
  assert.equal(behind['ownerRotations'], Number(before['ownerRotations']) + done);
});

for (const moment of ['before', 'after'] as const) {
  test(`a client that is killed ${moment} its rotation is taken has the owner's key that counts`, async () => {
    await using proxy = await startTamperingProxy(line.server, {
      identity: await identityOf(line.home),
    });
    const other = await otherMachine(`killed-${moment}`, /./);
    await moveLogin(other, proxy.url);
    const own = ['--json', 'gdp://own'];
    const before = Number((await line.json(['volume', 'trust', ...own]))['ownerRotations']);
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
    await line.succeeds(['mkdir', `gdp://own/killed-${moment}`], { home: other });
    const seen = await line.json(['volume', 'trust', ...own], { home: other });
    assert.equal(seen['ownerRotations'], rotations);
    const again = await line.json(['volume', 'key', 'rotate', '--owner', ...own], { home: other });
    assert.equal(again['ownerRotations'], rotations + 1);
    // The next test has the owner key that counts now.
    await cp(join(other, 'keys'), join(line.home, 'keys'), { recursive: true });
    await line.succeeds(['verify', '--depth', 'records', 'gdp://own']);
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
  return { url: line.server.url, ca, certificate, key };
}

test('whoever has seen a rotation takes no owner of the past, until trust is reset', async () => {
  await line.stopServer();
  await cp(line.path('data'), line.path('old'), { recursive: true });
  await line.startServer();
  const witness = await otherMachine('witness', /./);
  await line.succeeds(['volume', 'key', 'rotate', '--owner', 'gdp://served'], { home: witness });
  await line.succeeds(['volume', 'key', 'rotate', '--owner', 'gdp://own'], { home: witness });
  await line.startServer('old', [line.home, witness]);
  // The thief of the old state goes on with the owner key that was in force there.
  for (const volume of ['gdp://served', 'gdp://own']) {
    for (let times = 0; times < 2; times += 1) {
      await line.succeeds(['volume', 'key', 'rotate', '--owner', volume]);
    }
    await isRefused(['ls', volume], { code: 76, state: /history is not the one/ }, witness);
    await line.succeeds(['volume', 'trust', '--reset', volume], { home: witness });
    await line.succeeds(['ls', volume], { home: witness });
  }
});
