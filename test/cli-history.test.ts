import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import type { VolumeChange } from '../src/wire/generated/api.ts';
import { runCli, spawnCli } from './support/cli.ts';
import { startServerProcess, temporaryDirectory } from './support/server.ts';

/** What the command line shows of a volume's past and its proofs. The details have tests of their own. */

let stack: AsyncDisposableStack;
let folder: string;
let home: string;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  home = join(folder, 'home');
  const server = stack.use(await startServerProcess(join(folder, 'data')));
  await succeeds(['login', server.url, '-'], `${server.adminToken}\n`);
  await succeeds(['volume', 'create', 'vision']);
  await writeFile(join(folder, 'file'), 'some text\n');
  await succeeds(['cp', 'file', 'gdp://vision/a']);
  await succeeds(['mv', 'gdp://vision/a', 'gdp://vision/b']);
});
after(() => stack.disposeAsync());

async function succeeds(args: readonly string[], input = ''): Promise<string> {
  const { code, stdout, stderr } = await runCli(args, { home, cwd: folder, input });
  assert.equal(code, 0, `gdpfs ${args.join(' ')}\n${stderr}`);
  return stdout;
}

test('gdpfs log shows the changes, the newest first', async () => {
  const [newest = '', ...older] = (await succeeds(['log', 'gdp://vision'])).trimEnd().split('\n');
  assert.match(newest, /admin .*gdp:\/\/vision\/b/);
  assert(
    older.some((line) => line.includes('gdp://vision/a')),
    older.join('\n'),
  );
});

test('gdpfs watch waits for what comes, and ends when it is interrupted', async () => {
  const child = spawnCli(['watch', '--json', '--from', '0', 'gdp://vision'], { home });
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<VolumeChange> => JSON.parse(String((await lines.next()).value));
  try {
    // What there was has come, so it waits now.
    while ((await next()).path !== '/vision/b');
    await succeeds(['mkdir', 'gdp://vision/made']);
    const { change, path } = await next();
    assert.deepEqual([change, path], ['created', '/vision/made']);
  } finally {
    child.kill('SIGINT');
    await ended;
  }
});

test('gdpfs prove, volume checkpoint and witness write what others can check', async () => {
  await succeeds(['prove', 'gdp://vision/b', 'proof']);
  assert((await readdir(join(folder, 'proof'))).length > 0);
  const note = await succeeds(['volume', 'checkpoint', 'gdp://vision']);
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFile(join(folder, 'witness.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const by = ['--key', 'witness.pem', '--name', 'witness.example.org/1'];
  const cosigned = await succeeds(['witness', 'gdp://vision', ...by]);
  assert(cosigned.startsWith(note), `${note}\n${cosigned}`);
  await writeFile(join(folder, 'cosigned'), cosigned);
  const witness = (await succeeds(['witness', ...by])).trim();
  await succeeds(['verify', 'gdp://vision', '--cosigned', 'cosigned', '--witness', witness]);
});

test('gdpfs volume trust shows what was seen', async () => {
  const { count } = JSON.parse(await succeeds(['volume', 'trust', '--json', 'gdp://vision'])) as {
    count: number;
  };
  assert(count > 2, `${count} records`);
});
