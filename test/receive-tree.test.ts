/** Trees on their way out of a volume, into directories that are not as one would wish. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isGdpfsError } from '../src/base/errors.ts';
import { LIMITS } from '../src/base/limits.ts';
import { privatePartPath } from '../src/client/part-names.ts';
import type { FileDone, TransferResult } from '../src/client/tally.ts';
import { copy, type CopyOptions } from '../src/client/transfer.ts';
import { mountCaseFolding, mountMemory, mountReadOnly } from './support/mount.ts';
import { startTestClient, type TestClient, VOLUME } from './support/session.ts';
import { makeTree, sendTree } from './support/sent-tree.ts';
import { describeTree } from './support/tree.ts';

let client: TestClient;

before(async () => {
  client = await startTestClient();
});

after(() => client[Symbol.asyncDispose]());

function newDirectory(name: string): string {
  const path = join(client.folder, name);
  mkdirSync(path);
  return path;
}

async function fetchTree(
  path: string,
  target: string,
  options: Partial<CopyOptions> = {},
): Promise<TransferResult> {
  const { session } = client;
  return await copy({
    sources: [{ kind: 'remote', session, remote: { volume: VOLUME, path } }],
    destination: { kind: 'local', path: target },
    recursive: true,
    asDestination: true,
    ...options,
  });
}

function smallFiles(root: string): string[] {
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => /\/f\d+$/.test(name))
    .map((name) => join(root, name));
}

test('a tree that is fetched again costs no content, and what differs is all that travels', async () => {
  const source = newDirectory('again');
  makeTree(source);
  await sendTree(client, source, 'again');
  const target = join(client.folder, 'again-back');
  const first = await fetchTree('again', target);
  assert.deepEqual(first.errors, []);
  assert.deepEqual(describeTree(target), describeTree(source));

  const again = await fetchTree('again', target);
  assert.deepEqual([again.bytesSent, again.files, again.skipped], [0, first.files, 0]);
  assert.equal(again.bytesReused, first.bytes);

  // One is gone, one has other bytes and the same size and time, one only another time and mode.
  const [gone, damaged, touched] = smallFiles(target);
  assert(gone !== undefined && damaged !== undefined && touched !== undefined);
  const lostBytes = readFileSync(gone).length + readFileSync(damaged).length;
  rmSync(gone);
  const { mtimeMs } = lstatSync(damaged);
  writeFileSync(damaged, randomBytes(readFileSync(damaged).length));
  utimesSync(damaged, mtimeMs / 1000, mtimeMs / 1000);
  chmodSync(touched, 0o600);
  utimesSync(touched, 1, 1);
  const done: FileDone[] = [];
  const observer = { file: (file: FileDone): void => void done.push(file) };
  const repaired = await fetchTree('again', target, { observer });
  assert.deepEqual([repaired.errors, repaired.bytesSent], [[], lostBytes]);
  assert.deepEqual(
    done
      .filter(({ bytesSent }) => bytesSent > 0)
      .map(({ path }) => path)
      .toSorted(),
    [gone, damaged].toSorted(),
  );
  assert.deepEqual(describeTree(target), describeTree(source));
});

test('a tree that was left in the middle is completed, and nothing is left over', async () => {
  const source = newDirectory('middle');
  makeTree(source);
  await sendTree(client, source, 'middle');
  const target = join(client.folder, 'middle-back');
  await fetchTree('middle', target);
  const files = smallFiles(target);
  const missing = files.filter((_, index) => index % 2 === 0);
  const bytes = missing.reduce((sum, path) => sum + readFileSync(path).length, 0);
  for (const path of missing) rmSync(path);
  // A killed client leaves the one part that it was writing, and directories without attributes.
  const directory = join(target, 'd3', 'deep');
  writeFileSync(privatePartPath(join(directory, '.gdpfs-small')), 'half', { mode: 0o600 });
  chmodSync(directory, 0o700);
  const result = await fetchTree('middle', target);
  assert.deepEqual([result.errors, result.bytesSent], [[], bytes]);
  assert.deepEqual(describeTree(target), describeTree(source));
});

test('links that lead out of the tree are reported, and made only if asked for', async () => {
  const source = newDirectory('links');
  mkdirSync(join(source, 'd'));
  const good = { 'd/up': '../file', 'd/side': './/up', top: 'd/none' };
  const bad = { absolute: '/etc/passwd', 'd/above': '../../x', turn: 'd/../..' };
  for (const [name, target] of Object.entries({ ...good, ...bad })) {
    symlinkSync(target, join(source, name));
  }
  writeFileSync(join(source, 'file'), 'x');
  await sendTree(client, source, 'links');
  const target = join(client.folder, 'links-back');
  const result = await fetchTree('links', target);
  const paths = Object.keys(bad).map((name) => join(target, name));
  assert.deepEqual(result.errors.map(({ path }) => path).toSorted(), paths.toSorted());
  for (const { error } of result.errors) assert.match(error.message, /leads out of the tree/);
  assert.deepEqual([result.verified, result.links, result.files], [false, 3, 1]);
  const names = readdirSync(target, { recursive: true, encoding: 'utf8' }).toSorted();
  assert.deepEqual(names, ['d', 'file', ...Object.keys(good)].toSorted());
  const unsafe = await fetchTree('links', target, { transfer: { unsafeLinks: true } });
  assert.deepEqual(unsafe.errors, []);
  assert.equal(readlinkSync(join(target, 'absolute')), '/etc/passwd');
});

test('nothing is written through a link that stands in the destination', async () => {
  const source = newDirectory('through');
  mkdirSync(join(source, 'd'));
  writeFileSync(join(source, 'd', 'small'), 'x');
  writeFileSync(join(source, 'd', 'large'), randomBytes(LIMITS.smallFileBytesMax + 1));
  writeFileSync(join(source, 'file'), 'new');
  await sendTree(client, source, 'through');
  const outside = newDirectory('through-outside');
  writeFileSync(join(outside, 'victim'), 'old');
  const target = newDirectory('through-back');
  symlinkSync(outside, join(target, 'd'));
  symlinkSync(join(outside, 'victim'), join(target, 'file'));
  const result = await fetchTree('through', target);
  const codes = result.errors.map(({ error }) => error.code);
  assert.deepEqual(codes, ['not_a_directory', 'not_a_directory', 'not_a_directory']);
  assert.deepEqual(readdirSync(outside), ['victim']);
  assert.equal(readFileSync(join(outside, 'victim'), 'utf8'), 'old');
  assert.equal(readFileSync(join(target, 'file'), 'utf8'), 'new');
  assert(lstatSync(join(target, 'file')).isFile());
});

test('what is in the way of a file or a directory stays, and the rest arrives', async () => {
  const source = newDirectory('way');
  mkdirSync(join(source, 'directory'));
  for (const name of ['directory/x', 'directory/y', 'file', 'good']) {
    writeFileSync(join(source, name), name);
  }
  writeFileSync(join(source, 'large'), randomBytes(LIMITS.smallFileBytesMax + 1));
  await sendTree(client, source, 'way');
  const target = newDirectory('way-back');
  writeFileSync(join(target, 'directory'), 'in the way');
  mkdirSync(join(target, 'file', 'inside'), { recursive: true });
  mkdirSync(join(target, 'large'));
  const { errors, files } = await fetchTree('way', target);
  assert.deepEqual(
    errors.map(({ path, error }) => `${path.split('/').at(-1)} ${error.code}`).toSorted(),
    [
      'directory not_a_directory',
      'file is_a_directory',
      'large is_a_directory',
      'x not_a_directory',
      'y not_a_directory',
    ],
  );
  assert.equal(files, 1);
  assert.equal(readFileSync(join(target, 'directory'), 'utf8'), 'in the way');
  const names = readdirSync(target, { recursive: true, encoding: 'utf8' }).toSorted();
  assert.deepEqual(names, ['directory', 'file', 'file/inside', 'good', 'large']);
});

test('a file that is rotten in the store is reported, and all others arrive', async () => {
  const source = newDirectory('rotten');
  for (let index = 0; index < 20; index += 1) {
    writeFileSync(join(source, `f${index}`), randomBytes(3000));
  }
  await sendTree(client, source, 'rotten');
  const content = readFileSync(join(source, 'f7'));
  const segments = join(client.folder, 'data', 'store', 'segments');
  for (const name of readdirSync(segments)) {
    const path = join(segments, name);
    const bytes = readFileSync(path);
    const at = bytes.indexOf(content);
    if (at === -1) continue;
    bytes.fill(0, at, at + 1000);
    writeFileSync(path, bytes, { flag: 'r+' });
  }
  const target = join(client.folder, 'rotten-back');
  const { errors, files } = await fetchTree('rotten', target);
  assert.deepEqual(
    errors.map(({ path, error }) => [path, error.code]),
    [[`/${VOLUME}/rotten/f7`, 'corrupt']],
  );
  // A part stays, for when it can be fetched.
  const names = readdirSync(target).filter((name) => !name.startsWith('.gdpfs-part-'));
  assert.deepEqual([files, names.length], [19, 19]);
});

test('a full disk ends the transfer, and no part is left on it', async (context) => {
  const source = newDirectory('full');
  for (let index = 0; index < 40; index += 1) {
    writeFileSync(join(source, `f${index}`), randomBytes(100_000));
  }
  await sendTree(client, source, 'full');
  const target = join(client.folder, 'full-back');
  if (!mountMemory(context, target, 2_000_000)) return;
  await assert.rejects(fetchTree('full', target), (error) => isGdpfsError(error, 'no_space'));
  const names = readdirSync(target);
  assert(names.length > 0);
  for (const name of names) {
    assert.deepEqual(readFileSync(join(target, name)), readFileSync(join(source, name)));
  }
});

test('a read-only destination ends the transfer, unless there is nothing to write', async (context) => {
  const source = newDirectory('fixed');
  makeTree(source, 20);
  await sendTree(client, source, 'fixed');
  const target = join(client.folder, 'fixed-back');
  await fetchTree('fixed', target);
  if (!mountReadOnly(context, target)) return;
  chmodSync(join(source, 'closed'), 0o755);
  rmSync(join(source, 'closed'), { recursive: true });
  await sendTree(client, newDirectory('fixed-more'), 'fixed/more');
  await assert.rejects(fetchTree('fixed', target), (error) => isGdpfsError(error, 'read_only'));
});

test('names that the file system takes for one are reported, and none replaces another', async (context) => {
  const source = newDirectory('cases');
  const contents = {
    'A/x': '1',
    'a/x': '2',
    File: '3',
    fILE: '4',
    'd/\u00e9': '5',
    'd/e\u0301': '6',
    'd/plain': '7',
  };
  for (const [name, text] of Object.entries(contents)) {
    mkdirSync(join(source, name, '..'), { recursive: true });
    writeFileSync(join(source, name), text);
  }
  await sendTree(client, source, 'cases');
  const mounted = join(client.folder, 'cases-mounted');
  if (!mountCaseFolding(context, mounted)) return;
  const target = join(mounted, 'target');
  mkdirSync(target);
  execFileSync('chattr', ['+F', target]);
  for (let run = 0; run < 2; run += 1) {
    const { errors, files } = await fetchTree('cases', target);
    assert.deepEqual(
      errors.map(({ path, error }) => [path.slice(target.length + 1), error.code]),
      [
        ['a', 'exists'],
        ['a/x', 'exists'],
        ['d/\u00e9', 'exists'],
        ['fILE', 'exists'],
      ],
    );
    assert.match(errors[0]?.error.message ?? '', /takes it for "A"/);
    assert.equal(files, 4);
    for (const name of ['A/x', 'File', 'd/e\u0301', 'd/plain'] as const) {
      assert.equal(readFileSync(join(target, name), 'utf8'), contents[name]);
    }
    // The other order: what is there has the other spelling.
    if (run === 0) writeFileSync(join(target, 'd', 'PLAIN'), '7');
  }
});
