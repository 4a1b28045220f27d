import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { runCli } from './support/cli.ts';
import { type ServerProcess, startServerProcess, temporaryDirectory } from './support/server.ts';

/** Somebody else who looks at the volume, and a client that was never there before. */

let stack: AsyncDisposableStack;
let folder: string;
let server: ServerProcess;
/** Two homes with the same login: what one has seen, the other has not. */
let home: string;
let witnessHome: string;
let key: string;
let by: readonly string[];

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  home = join(folder, 'home');
  witnessHome = join(folder, 'witness-home');
  stack.defer(() => server[Symbol.asyncDispose]());
  server = await startServerProcess(join(folder, 'data'));
  await succeeds(['login', server.url, '-'], home, `${server.adminToken}\n`);
  await cp(home, witnessHome, { recursive: true });
  await succeeds(['volume', 'create', 'vision']);
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = join(folder, 'witness.pem');
  await writeFile(pem, privateKey.export({ format: 'pem', type: 'pkcs8' }));
  by = ['--key', pem, '--name', 'witness.example.org/1'];
  key = (await succeeds(['witness', ...by])).trim();
});
after(() => stack.disposeAsync());

async function succeeds(args: readonly string[], as = home, input = ''): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, { home: as, cwd: folder, input });
  assert.equal(code, 0, `gdpfs ${args.join(' ')}\n${stderr}`);
  return stdout;
}

/** The file with what the witness says of the volume now. */
async function cosign(name: string, as = witnessHome): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, await succeeds(['witness', 'gdp://vision', ...by], as));
  return path;
}

function verifyWith(cosigned: string, witness = key, as = home) {
  const options = ['--depth', 'checkpoint', '--cosigned', cosigned, '--witness', witness];
  return runCli(['verify', 'gdp://vision', ...options], { home: as, cwd: folder });
}

/** The server goes on with the data in another folder. */
async function restart(data: string, homes: readonly string[]): Promise<void> {
  await server[Symbol.asyncDispose]();
  server = await startServerProcess(join(folder, data));
  for (const path of homes) {
    const file = join(path, 'config.json');
    const text = await readFile(file, 'utf8');
    await writeFile(file, text.replace(/https:\/\/127\.0\.0\.1:\d+/, server.url));
  }
}

test('a cosigned checkpoint is accepted as long as the volume is there or has gone on from it', async () => {
  const first = await cosign('first');
  const text = await readFile(first, 'utf8');
  assert.match(text, /\n\n— gdpfs\.v1\/.*\n— witness\.example\.org\/1 .*\n$/);
  assert.equal((await verifyWith(first)).code, 0);
  await succeeds(['mkdir', 'gdp://vision/later']);
  assert.equal((await verifyWith(first)).code, 0);
  await verifyWith(await cosign('second')).then(({ code }) => assert.equal(code, 0));
});

test('a note that the witness has not cosigned, another key, and the note of another volume are refused', async () => {
  const cosigned = await cosign('third');
  const plain = join(folder, 'plain');
  await writeFile(plain, await succeeds(['volume', 'checkpoint', 'gdp://vision']));
  const states: readonly (readonly [Awaited<ReturnType<typeof verifyWith>>, RegExp])[] = [
    [await verifyWith(plain), /it has none/],
    [await verifyWith(cosigned, key.replace('+', 'x+')), /cannot use witness key/],
  ];
  for (const [{ code, stderr }, state] of states) {
    assert.notEqual(code, 0);
    assert.match(stderr, state);
  }
  await succeeds(['volume', 'create', 'other']);
  const other = join(folder, 'other');
  await writeFile(other, await succeeds(['witness', 'gdp://other', ...by]));
  const { code, stderr } = await verifyWith(other);
  assert.equal(code, 76);
  assert.match(stderr, /it is of another volume/);
  const alone = await runCli(['verify', 'gdp://vision', '--witness', key], { home });
  assert.equal(alone.code, 64);
});

test('who was never there before learns from the witness that a server went back or shows another history', async () => {
  const fresh = join(folder, 'fresh');
  await cp(home, fresh, { recursive: true });
  await rm(join(fresh, 'checkpoints'), { recursive: true });
  await server[Symbol.asyncDispose]();
  await cp(join(folder, 'data'), join(folder, 'fork'), { recursive: true });
  await restart('data', [home, witnessHome, fresh]);
  await succeeds(['mkdir', 'gdp://vision/ours']);
  const cosigned = await cosign('newest');
  await restart('fork', [home, witnessHome, fresh]);
  const back = await verifyWith(cosigned, key, fresh);
  assert.equal(back.code, 76, back.stderr);
  assert.match(back.stderr, /records, and \d+ were seen before/);
  await succeeds(['mkdir', 'gdp://vision/theirs', 'gdp://vision/more'], fresh);
  const forked = await verifyWith(cosigned, key, fresh);
  assert.equal(forked.code, 76);
  assert.match(forked.stderr, /history is not the one that was seen before/);
  // And the witness itself does not cosign it.
  const refused = await runCli(['witness', 'gdp://vision', ...by], { home: witnessHome });
  assert.equal(refused.code, 76);
  assert.equal(refused.stdout, '');
});
