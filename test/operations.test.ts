import assert from 'node:assert/strict';
import { execFile, spawnSync } from 'node:child_process';
import { chmodSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import { readMetrics, valueOf } from './support/metrics-text.ts';
import { PROGRAM, PROJECT } from './support/program.ts';
import { CliUser } from './support/cli-user.ts';
import {
  anonymousClient,
  type ServerProcess,
  startServerAlone,
  temporaryDirectory,
} from './support/server.ts';

/** That the commands of docs/operations.md do what it says, one after the other as an operator would type them. */

const TEXT = readFileSync(join(PROJECT, 'docs/operations.md'), 'utf8');
const BLOCKS = [...TEXT.matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map(([, code = '']) => code);
const unused = new Set(BLOCKS);
const run = promisify(execFile);

let stack: AsyncDisposableStack;
let folder: string;
let user: CliUser;
let server: ServerProcess;

before(async () => {
  stack = new AsyncDisposableStack();
  folder = stack.use(await temporaryDirectory()).path;
  user = new CliUser({ home: join(folder, 'home'), cwd: folder });
  mkdirSync(join(folder, 'bin'));
  const program = join(folder, 'bin/gdpfs');
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`);
  chmodSync(program, 0o755);
});
after(() => stack.disposeAsync());

/** The block that has these words. */
function block(words: string): string {
  const found = BLOCKS.filter((code) => code.includes(words));
  assert.equal(found.length, 1, words);
  for (const code of found) unused.delete(code);
  return found[0] ?? '';
}

/** Types the block with the folders and the address of this test. */
async function type(code: string): Promise<string> {
  const script = code
    .replaceAll('/srv/', `${folder}/srv/`)
    .replaceAll('/backup/', `${folder}/backup/`)
    .replaceAll('https://gdpfs.example.org:7443', server.url);
  const { PATH = '' } = process.env;
  const env = { PATH: `${folder}/bin:${PATH}`, HOME: folder, GDPFS_HOME: user.home };
  const { stdout } = await run('sh', ['-e', '-c', script], { cwd: folder, env });
  return stdout;
}

/** Starts it with the options of the document. */
async function start(): Promise<void> {
  const words = block('gdpfs serve').trim().split(' ').slice(2);
  const [data, listen, name] = ['--data', '--listen', '--name'].map((option) =>
    words.indexOf(option),
  );
  assert.deepEqual([data, listen, name, words.length], [0, 2, 4, 6]);
  server = await startServerAlone(join(folder, 'srv/gdpfs'), ['--name', words[5] ?? '']);
}

async function restart(): Promise<void> {
  const { port } = new URL(server.url);
  server = await startServerAlone(server.dataDirectory, ['--listen', `127.0.0.1:${port}`]);
}

function needs(context: TestContext, program: string): boolean {
  if (spawnSync(program, ['--version']).status === 0) return true;
  context.skip(`there is no ${program}`);
  return false;
}

test('a server starts as described and says when it is ready', async (context) => {
  mkdirSync(join(folder, 'srv'));
  await start();
  stack.defer(() => server[Symbol.asyncDispose]());
  await user.succeeds(['login', server.url, server.adminToken ?? '']);
  await user.succeeds(['volume', 'create', 'v']);
  if (!needs(context, 'curl')) return;
  assert.equal(await type(block('/readyz')), '{"status":"ready"}');
});

test('a login for Prometheus reads the metrics and nothing else', async (context) => {
  await type(block('admin service add prometheus'));
  if (!needs(context, 'curl')) return;
  const metrics = readMetrics(await type(block('/metrics')), 'prometheus');
  assert.equal(valueOf(metrics, 'gdpfs_volumes'), 1);
  const prometheus = join(folder, 'prometheus-login');
  const listing = await user.run(['ls', 'gdp://v'], { home: prometheus });
  assert.equal(listing.code, 77, listing.stderr);
});

test('space is freed when an admin says so', async () => {
  const [planned, done] = (await type(block('admin gc'))).split('\n');
  assert.match(planned ?? '', /^would free 0 B of 0 chunks/);
  assert.match(done ?? '', /^freed 0 B of 0 chunks/);
});

test('a backup that is made while clients write has all that was acknowledged before, and is restored', async (context) => {
  if (!needs(context, 'rsync')) return;
  const tree = join(folder, 'tree');
  mkdirSync(tree);
  for (let count = 0; count < 300; count += 1) writeFileSync(join(tree, `${count}`), `${count}`);
  writeFileSync(join(tree, 'large'), Buffer.alloc(3_000_000, 'large'));
  await user.succeeds(['cp', '-r', tree, 'gdp://v/before']);
  let isEnough = false;
  const writing = (async () => {
    let count = 0;
    for (; !isEnough; count += 1)
      await user.succeeds(['cp', '-r', tree, `gdp://v/during-${count}`]);
    return count;
  })();
  const backup = block('--sparse --delete');
  try {
    for (let count = 0; count < 2; count += 1) {
      assert.match(await type(backup), /^no damage: 2 logs/m);
    }
  } finally {
    isEnough = true;
  }
  assert((await writing) > 0);
  await server[Symbol.asyncDispose]();
  rmSync(join(folder, 'srv'), { recursive: true });
  mkdirSync(join(folder, 'srv'));
  assert.match(await type(block('index rebuild')), /rebuilt the index: 1 volume/);
  await restart();
  // It has forgotten what was written behind the backup, which looks like an attack.
  const refused = await user.run(['ls', 'gdp://v']);
  assert.equal(refused.code, 76, refused.stderr);
  await user.succeeds(['volume', 'trust', '--reset', 'gdp://v']);
  await user.succeeds(['cp', '-r', 'gdp://v/before', 'back']);
  const { stdout } = await run('diff', ['-r', tree, join(folder, 'back')]);
  assert.equal(stdout, '');
  await user.succeeds(['verify', 'gdp://v']);
  await user.succeeds(['cp', '-r', tree, 'gdp://v/after']);
});

test('a copy of the folder of a stopped server is that server elsewhere', async () => {
  await server[Symbol.asyncDispose]();
  assert.match(await type(block('gdpfs gc --data')), /^freed /);
  const moved = join(folder, 'moved');
  await run('cp', ['-a', join(folder, 'srv/gdpfs'), moved]);
  renameSync(join(folder, 'srv/gdpfs'), join(folder, 'old'));
  renameSync(moved, join(folder, 'srv/gdpfs'));
  await restart();
  await user.succeeds(['mkdir', 'gdp://v/moved']);
  await user.succeeds(['verify', 'gdp://v']);
});

test('an admin who lost the key gets another token on the server', async () => {
  await server[Symbol.asyncDispose]();
  const token = (await type(block('admin token'))).trim();
  await restart();
  const again = new CliUser({ home: join(folder, 'again'), cwd: folder });
  await again.succeeds(['login', server.url, token]);
  await again.succeeds(['admin', 'user', 'ls']);
  await using anonymous = anonymousClient(server);
  assert.equal((await anonymous.send('GET', '/metrics')).code, 'certificate_required');
});

test('no command of the document is left out', (context) => {
  for (const program of ['curl', 'rsync']) if (!needs(context, program)) return;
  assert.deepEqual([...unused], []);
});

test('the document tells of every alarm, and of no other', () => {
  const rules = readFileSync(join(PROJECT, 'deploy/prometheus/alerts.yaml'), 'utf8');
  const declared = [...rules.matchAll(/- alert: (\w+)/g)].map(([, name]) => name);
  const told = [...TEXT.matchAll(/`(Gdpfs\w+)`/g)].map(([, name]) => name);
  assert.deepEqual(told, declared);
});
