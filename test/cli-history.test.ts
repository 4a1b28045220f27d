import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { once } from 'node:events';
import { readdir, writeFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { after, before, test } from 'node:test';
import type { VolumeChange } from '../src/wire/generated/api.ts';
import { spawnCli } from './support/cli.ts';
import { type CommandLine, startCommandLine } from './support/command-line.ts';

/** What the command line shows of a volume's past and its proofs. The details have tests of their own. */

let line: CommandLine;

before(async () => {
  line = await startCommandLine();
  await line.succeeds(['volume', 'create', 'vision']);
  await writeFile(line.path('file'), 'some text\n');
  await line.succeeds(['cp', 'file', 'gdp://vision/a']);
  await line.succeeds(['mv', 'gdp://vision/a', 'gdp://vision/b']);
});
after(() => line[Symbol.asyncDispose]());

test('gdpfs log shows the changes, the newest first', async () => {
  const [newest = '', ...older] = (await line.succeeds(['log', 'gdp://vision']))
    .trimEnd()
    .split('\n');
  assert.match(newest, /admin .*gdp:\/\/vision\/b/);
  assert(
    older.some((line) => line.includes('gdp://vision/a')),
    older.join('\n'),
  );
});

test('gdpfs watch waits for what comes, and ends when it is interrupted', async () => {
  const child = spawnCli(['watch', '--json', '--from', '0', 'gdp://vision'], { home: line.home });
  const ended = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const next = async (): Promise<VolumeChange> => JSON.parse(String((await lines.next()).value));
  try {
    // What there was has come, so it waits now.
    while ((await next()).path !== '/vision/b');
    await line.succeeds(['mkdir', 'gdp://vision/made']);
    const { change, path } = await next();
    assert.deepEqual([change, path], ['created', '/vision/made']);
  } finally {
    child.kill('SIGINT');
    await ended;
  }
});

test('gdpfs snapshot names a state, which is read by its name', async () => {
  await line.succeeds(['snapshot', 'create', 'gdp://vision', 'v1']);
  await line.succeeds(['mkdir', 'gdp://vision/later']);
  assert.doesNotMatch(await line.succeeds(['ls', 'gdp://vision@v1']), /later/);
  assert.equal(await line.succeeds(['cat', 'gdp://vision@v1/b']), 'some text\n');
  assert.match(await line.succeeds(['snapshot', 'ls', 'gdp://vision']), /^v1 /);
});

test('gdpfs prove, volume checkpoint and witness write what others can check', async () => {
  await line.succeeds(['prove', 'gdp://vision/b', 'proof']);
  assert((await readdir(line.path('proof'))).length > 0);
  const note = await line.succeeds(['volume', 'checkpoint', 'gdp://vision']);
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFile(line.path('witness.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const by = ['--key', 'witness.pem', '--name', 'witness.example.org/1'];
  const cosigned = await line.succeeds(['witness', 'gdp://vision', ...by]);
  assert(cosigned.startsWith(note), `${note}\n${cosigned}`);
  await writeFile(line.path('cosigned'), cosigned);
  const witness = (await line.succeeds(['witness', ...by])).trim();
  await line.succeeds(['verify', 'gdp://vision', '--cosigned', 'cosigned', '--witness', witness]);
});

test('what volume checkpoint and witness print is in their JSON, too', async () => {
  const note = await line.succeeds(['volume', 'checkpoint', 'gdp://vision']);
  const [origin = '', records] = note.split('\n');
  const volume = origin.slice(origin.indexOf('/') + 1);
  const checkpoint = JSON.parse(
    await line.succeeds(['volume', 'checkpoint', '--json', 'gdp://vision']),
  );
  const { epoch, timeMs } = checkpoint;
  assert.deepEqual(checkpoint, { volume, records: Number(records), epoch, timeMs, note });
  assert(note.includes(`\ntime ${timeMs}\nepoch ${epoch}\n`), note);
  const { privateKey } = generateKeyPairSync('ed25519');
  await writeFile(line.path('other.pem'), privateKey.export({ format: 'pem', type: 'pkcs8' }));
  const by = ['--key', 'other.pem', '--name', 'witness.example.org/2'];
  const publicKey = (await line.succeeds(['witness', ...by])).trim();
  assert.deepEqual(JSON.parse(await line.succeeds(['witness', '--json', ...by])), { publicKey });
  const cosigned = JSON.parse(await line.succeeds(['witness', 'gdp://vision', '--json', ...by]));
  assert.deepEqual(
    { ...cosigned, note: cosigned.note.slice(0, note.length) },
    { publicKey, volume, records: Number(records), note },
  );
  assert(cosigned.note.length > note.length);
});

test('gdpfs volume trust shows what was seen', async () => {
  const { count } = JSON.parse(
    await line.succeeds(['volume', 'trust', '--json', 'gdp://vision']),
  ) as {
    count: number;
  };
  assert(count > 2, `${count} records`);
});

test('gdpfs restore, put, du and completion find what they ask for', async () => {
  // Record 2 is the first after those that every volume begins with.
  await line.succeeds(['restore', '-q', '--at', '2', 'gdp://vision/a']);
  await line.succeeds(['put', '-q', 'gdp://vision/piped/in'], { input: 'text' });
  const usage = await line.succeeds(['du', '-b', 'gdp://vision/piped', 'gdp://vision/a']);
  assert.match(
    usage,
    /^ +4 +1 file {2}gdp:\/\/vision\/piped\n +10 +1 file {2}gdp:\/\/vision\/a\n$/,
  );
  const typed = ['completion', '--line', 'gdpfs ls gdp://vision/pip'];
  assert.equal(await line.succeeds(typed), 'gdp://vision/piped/\n');
});
