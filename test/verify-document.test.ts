import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { copyFile, mkdir, readFile, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { readPolicy } from '../src/format/policy.ts';
import { type CommandLine, startCommandLine } from './support/command-line.ts';

/** Runs the lines of docs/verify.md, as they stand there. */

const DOCUMENT = join(import.meta.dirname, '../docs/verify.md');

let line: CommandLine;
let name: string;

before(async () => {
  line = await startCommandLine();
  await line.succeeds(['volume', 'create', 'vision']);
  await mkdir(line.path('train', 'deep'), { recursive: true });
  await writeFile(line.path('train', 'deep', 'part-0'), randomBytes(700_000));
  await writeFile(line.path('train', 'deep', 'part-1'), 'short');
  await writeFile(line.path('train', 'empty'), '');
  await writeFile(line.path('train', 'holes'), randomBytes(1000));
  await truncate(line.path('train', 'holes'), 3_000_000);
  await line.succeeds(['cp', '-r', line.path('train'), 'gdp://vision/train']);
  name = (await line.succeeds(['prove', 'gdp://vision/train/empty', line.path('once')])).trim();
});
after(() => line[Symbol.asyncDispose]());

interface Proof {
  readonly directory: string;
  readonly path: string;
  readonly file: string;
}

async function prove(path: string): Promise<Proof> {
  const directory = line.path(`proof-${path.replaceAll('/', '-')}`);
  await line.succeeds(['prove', `gdp://vision/${path}`, directory]);
  return { directory, path, file: line.path(path) };
}

/** The document's Python files and shell lines, run where the proof is. */
async function follow({ directory, path, file }: Proof, volume = name) {
  const text = await readFile(DOCUMENT, 'utf8');
  for (const [, python = '', code = ''] of text.matchAll(
    /`(\w+\.py)`:?(?: computes[^`]*`sha256sum`[^`]*)?\n*```python\n(.*?)```/gs,
  )) {
    await writeFile(join(directory, python), code);
  }
  const shell = [...text.matchAll(/```sh\n(.*?)```/gs)].map(([, code = '']) => code);
  const script = `set -eu\n${shell.join('')}`;
  const { PATH } = process.env;
  const env = { PATH, NAME: volume, FILE_PATH: path, FILE: file };
  return spawnSync('sh', ['-c', script], { cwd: directory, env, encoding: 'utf8' });
}

async function isRefused(proof: Proof, state: RegExp): Promise<void> {
  const { status, stdout, stderr } = await follow(proof);
  assert.notEqual(status, 0);
  assert.match(stdout + stderr, state);
  assert.doesNotMatch(stdout, /is what the writer/);
}

for (const path of ['train/deep/part-0', 'train/deep/part-1', 'train/empty', 'train/holes']) {
  test(`openssl, sha256sum and Python find ${path} to be what was signed`, async () => {
    const { status, stdout, stderr } = await follow(await prove(path));
    assert.equal(status, 0, stderr);
    assert.equal(stdout.match(/Signature Verified Successfully/g)?.length, 2);
    assert.match(stdout, new RegExp(`is what the writer of ${name} has signed`));
  });
}

test('they find a file of somebody who may see a part of the volume to be what was signed, and a changed view', async () => {
  const { token } = JSON.parse(await line.succeeds(['admin', 'invite', 'bob', '--json'])) as {
    token: string;
  };
  const bob = { home: line.path('bob') };
  await line.succeeds(['login', line.server.url, token], bob);
  await line.succeeds(['admin', 'grant', 'read', 'bob', 'gdp://vision/train/deep']);
  const path = 'train/deep/part-1';
  const directory = line.path('part');
  await line.succeeds(['prove', `gdp://vision/${path}`, directory], bob);
  const proof = { directory, path, file: line.path(path) };
  const { status, stdout, stderr } = await follow(proof);
  assert.equal(status, 0, stderr);
  assert.equal(stdout.match(/Signature Verified Successfully/g)?.length, 3);
  assert.match(stdout, /is what the writer/);
  const evidence = await readFile(join(directory, 'evidence'));
  const at = evidence.indexOf('/view\n') + '/view\n'.length;
  const root = evidence.indexOf('state ', at) + 'state '.length + 2;
  // Another digit of base64, whatever there was: what is none would not be read at all.
  const digit = String.fromCharCode(evidence.readUInt8(root)) === 'A' ? 'B' : 'A';
  for (const [offset, byte, state] of [
    [at, 'X', /another checkpoint/],
    [evidence.indexOf('whole ', at) + 1, 'X', /Verification Failure/],
    [root, digit, /KeyError/],
  ] as const) {
    const changed = Buffer.from(evidence);
    changed.write(byte, offset, 'latin1');
    await writeFile(join(directory, 'evidence'), changed);
    await isRefused(proof, state);
  }
});

test('they find a changed byte of the file, and bytes behind its end', async () => {
  const proof = await prove('train/deep/part-0');
  const file = line.path('changed');
  await copyFile(proof.file, file);
  const bytes = await readFile(file);
  bytes.writeUInt8(bytes.readUInt8(300_000) ^ 1, 300_000);
  await writeFile(file, bytes);
  await isRefused({ ...proof, file }, /chunk-1: FAILED/);
  await writeFile(file, Buffer.concat([await readFile(proof.file), Buffer.alloc(10)]));
  await isRefused({ ...proof, file }, /the manifest is not what was signed/);
});

test('they find a changed byte of each part of the proof, and another name of the volume', async () => {
  const proof = await prove('train/deep/part-1');
  const changes: readonly (readonly [string, number, RegExp])[] = [
    ['meta', -1, /^/],
    ['policy', -1, /Verification Failure/],
    ['policy', 12, /Verification Failure|another epoch/],
    ['checkpoint', 60, /Verification Failure/],
    ['manifest', -1, /FAILED|not what was signed/],
    ['evidence', -20, /KeyError|not at its place|cut off/],
  ];
  for (const [part, at, state] of changes) {
    const path = join(proof.directory, part);
    const good = await readFile(path);
    const bad = Buffer.from(good);
    const index = at < 0 ? bad.length + at : at;
    bad.writeUInt8(bad.readUInt8(index) ^ 1, index);
    await writeFile(path, bad);
    await isRefused(proof, state);
    await writeFile(path, good);
  }
  const { status } = await follow(proof, `${name.startsWith('A') ? 'B' : 'A'}${name.slice(1)}`);
  assert.notEqual(status, 0);
  assert.equal((await follow(proof)).status, 0);
});

test('they do not take the proof of one path for another', async () => {
  const proof = await prove('train/deep/part-1');
  await isRefused({ ...proof, path: 'train/deep/part-2' }, /no such file/);
  await isRefused({ ...proof, path: 'train/deep' }, /not a file/);
});

test('gdpfs verify looks as deep as it is told, and gdpfs volume checkpoint prints the signed note', async () => {
  const note = await line.succeeds(['volume', 'checkpoint', 'gdp://vision']);
  assert.equal(note, await readFile(line.path('once', 'checkpoint'), 'utf8'));
  const records = Number(note.split('\n')[1]);
  const reports = [];
  for (const depth of ['checkpoint', 'records', 'chunks']) {
    reports.push(
      JSON.parse(await line.succeeds(['verify', '--json', '--depth', depth, 'gdp://vision'])),
    );
  }
  assert.deepEqual(
    reports.map((report) => report.records),
    [records, records, records],
  );
  assert.deepEqual(
    reports.map((report) => report.files),
    [0, 0, 4],
  );
  assert(reports[0].checkpoints === 1 && reports[1].checkpoints > 1);
  const both = await line.run(['verify', '--depth', 'records', '--no-data', 'gdp://vision']);
  assert.equal(both.code, 64);
});

test('they follow the owner through rotations of its key, and find a changed byte of each', async () => {
  for (let count = 0; count < 2; count += 1) {
    await line.succeeds(['volume', 'key', 'rotate', '--owner', 'gdp://vision']);
  }
  const proof = await prove('train/deep/part-1');
  const { status, stdout, stderr } = await follow(proof);
  assert.equal(status, 0, stderr);
  assert.equal(stdout.match(/Signature Verified Successfully/g)?.length, 4);
  assert.match(stdout, new RegExp(`is what the writer of ${name} has signed`));
  const path = join(proof.directory, 'policy');
  const good = await readFile(path);
  const { rotations } = readPolicy(good);
  assert.equal(rotations.length, 2);
  for (const { ownerKey, signature } of rotations) {
    for (const part of [ownerKey, signature]) {
      const bad = Buffer.from(good);
      const at = good.indexOf(part) + 5;
      bad.writeUInt8(bad.readUInt8(at) ^ 1, at);
      await writeFile(path, bad);
      await isRefused(proof, /Verification Failure|another owner/);
    }
  }
});
