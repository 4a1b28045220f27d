import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { cp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { type CommandLine, startCommandLine } from './support/command-line.ts';

/** Somebody else who looks at the volume, and a client that was never there before. */

let line: CommandLine;
/** Two homes with the same login: what one has seen, the other has not. */
let witnessHome: string;
let key: string;
let by: readonly string[];

before(async () => {
  line = await startCommandLine();
  witnessHome = line.path('witness-home');
  await cp(line.home, witnessHome, { recursive: true });
  await line.succeeds(['volume', 'create', 'vision']);
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = line.path('witness.pem');
  await writeFile(pem, privateKey.export({ format: 'pem', type: 'pkcs8' }));
  by = ['--key', pem, '--name', 'witness.example.org/1'];
  key = (await line.succeeds(['witness', ...by])).trim();
});
after(() => line[Symbol.asyncDispose]());

/** The file with what the witness says of the volume now. */
async function cosign(name: string, as = witnessHome): Promise<string> {
  const path = line.path(name);
  await writeFile(path, await line.succeeds(['witness', 'gdp://vision', ...by], { home: as }));
  return path;
}

function verifyWith(cosigned: string, witness = key, as = line.home) {
  const options = ['--depth', 'checkpoint', '--cosigned', cosigned, '--witness', witness];
  return line.run(['verify', 'gdp://vision', ...options], { home: as });
}

test('a cosigned checkpoint is accepted as long as the volume is there or has gone on from it', async () => {
  const first = await cosign('first');
  const text = await readFile(first, 'utf8');
  assert.match(text, /\n\n— gdpfs\.v1\/.*\n— witness\.example\.org\/1 .*\n$/);
  assert.equal((await verifyWith(first)).code, 0);
  await line.succeeds(['mkdir', 'gdp://vision/later']);
  assert.equal((await verifyWith(first)).code, 0);
  await verifyWith(await cosign('second')).then(({ code }) => assert.equal(code, 0));
});

test('a note that the witness has not cosigned, another key, and the note of another volume are refused', async () => {
  const cosigned = await cosign('third');
  const plain = line.path('plain');
  await writeFile(plain, await line.succeeds(['volume', 'checkpoint', 'gdp://vision']));
  const states: readonly (readonly [Awaited<ReturnType<typeof verifyWith>>, RegExp])[] = [
    [await verifyWith(plain), /it has none/],
    [await verifyWith(cosigned, key.replace('+', 'x+')), /cannot use witness key/],
  ];
  for (const [{ code, stderr }, state] of states) {
    assert.notEqual(code, 0);
    assert.match(stderr, state);
  }
  await line.succeeds(['volume', 'create', 'other']);
  const other = line.path('other');
  await writeFile(other, await line.succeeds(['witness', 'gdp://other', ...by]));
  const { code, stderr } = await verifyWith(other);
  assert.equal(code, 76);
  assert.match(stderr, /it is of another volume/);
  const alone = await line.run(['verify', 'gdp://vision', '--witness', key]);
  assert.equal(alone.code, 64);
});

test('who was never there before learns from the witness that a server went back or shows another history', async () => {
  const fresh = line.path('fresh');
  await cp(line.home, fresh, { recursive: true });
  await rm(join(fresh, 'checkpoints'), { recursive: true });
  await line.stopServer();
  await cp(line.path('data'), line.path('fork'), { recursive: true });
  await line.startServer('data', [line.home, witnessHome, fresh]);
  await line.succeeds(['mkdir', 'gdp://vision/ours']);
  const cosigned = await cosign('newest');
  await line.startServer('fork', [line.home, witnessHome, fresh]);
  const back = await verifyWith(cosigned, key, fresh);
  assert.equal(back.code, 76, back.stderr);
  assert.match(back.stderr, /records, and \d+ were seen before/);
  await line.succeeds(['mkdir', 'gdp://vision/theirs', 'gdp://vision/more'], { home: fresh });
  const forked = await verifyWith(cosigned, key, fresh);
  assert.equal(forked.code, 76);
  assert.match(forked.stderr, /history is not the one that was seen before/);
  // And the witness itself does not cosign it.
  const refused = await line.run(['witness', 'gdp://vision', ...by], { home: witnessHome });
  assert.equal(refused.code, 76);
  assert.equal(refused.stdout, '');
});
