import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  lutimesSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { compareNames } from '../format/path.ts';
import { startServerProcess } from '../../test/support/server.ts';
import { startTestClient, type TestClient, VOLUME } from '../../test/support/session.ts';
import { describeTree } from '../../test/support/tree.ts';
import { rejectsWith } from '../../test/support/rejects.ts';
import { readCommits } from './commit-stream.ts';
import { listPages, stat } from './files.ts';
import type { TransferResult } from './tally.ts';
import type { Endpoint } from './endpoint.ts';
import { copy, type CopyOptions } from './transfer.ts';

const CHUNK = LIMITS.chunkBytesDefault;

let client: TestClient;

before(async () => {
  client = await startTestClient(startServerProcess);
});

after(() => client[Symbol.asyncDispose]());

function remote(path: string): Endpoint {
  return { kind: 'remote', session: client.session, remote: { volume: VOLUME, path } };
}

function local(path: string): Endpoint {
  return { kind: 'local', path };
}

function newDirectory(name: string): string {
  const path = join(client.folder, name);
  mkdirSync(path);
  return path;
}

async function copyOne(
  source: Endpoint,
  destination: Endpoint,
  options: Partial<CopyOptions> = {},
): Promise<TransferResult> {
  return await copy({ sources: [source], destination, recursive: true, ...options });
}

test('copy() brings back files of sizes around a chunk, as single files', async () => {
  const source = newDirectory('sizes');
  const sizes = [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 5 * CHUNK + 17];
  for (const size of sizes) {
    const path = join(source, String(size));
    writeFileSync(path, randomBytes(size));
    chmodSync(path, 0o640);
    utimesSync(path, 1_600_000_000.123456, 1_600_000_000.123456);
    const up = await copyOne(local(path), remote(`sizes/${size}`));
    assert.deepEqual([up.files, up.bytes, up.verified], [1, size, true]);
    const down = await copyOne(remote(`sizes/${size}`), local(`${path}.back`));
    assert.deepEqual([down.files, down.bytes, down.bytesSent], [1, size, size]);
    assert.deepEqual(readFileSync(`${path}.back`), readFileSync(path));
    const { mtimeMs, mode } = statSync(`${path}.back`);
    assert.deepEqual([Math.floor(mtimeMs), mode & 0o7777], [1_600_000_000_123, 0o640]);
  }
});

test('copy() sends a file again without sending its bytes', async () => {
  const path = join(newDirectory('again'), 'file');
  const bytes = randomBytes(8 * CHUNK);
  writeFileSync(path, bytes);
  await copyOne(local(path), remote('again'));
  bytes.fill(1, 3 * CHUNK, 4 * CHUNK);
  writeFileSync(path, bytes);
  const result = await copyOne(local(path), remote('again'));
  assert.deepEqual([result.bytesSent, result.bytesReused], [CHUNK, 7 * CHUNK]);
});

test('copy() does not send the holes of a sparse file, and reads them as zeros', async () => {
  const path = join(newDirectory('holes'), 'file');
  writeFileSync(path, 'begin');
  truncateSync(path, 3 * CHUNK);
  const result = await copyOne(local(path), remote('sparse'));
  assert.deepEqual([result.bytesSent, result.bytesReused], [CHUNK, 0]);
  await copyOne(remote('sparse'), local(`${path}.back`));
  assert.deepEqual(readFileSync(`${path}.back`), readFileSync(path));
});

function makeOddTree(root: string): void {
  const names = [
    '-rf',
    'a\nb',
    'e\u0301',
    '\u00e9',
    '\uFFFD',
    '\uFEFFbom',
    ' ',
    '日本',
    '%41',
    '"',
  ];
  names.push(
    'n'.repeat(LIMITS.nameBytesMax),
    '\u00e9'.repeat(127),
    '?q#f',
    '\\',
    "'",
    '\u{10ffff}',
  );
  for (const name of names) {
    mkdirSync(join(root, name, 'empty'), { recursive: true });
    writeFileSync(join(root, name, name), randomBytes(100));
  }
  writeFileSync(join(root, 'large'), randomBytes(3 * CHUNK + 5));
  writeFileSync(join(root, 'zero'), '');
  writeFileSync(join(root, 'executable'), '#!/bin/sh\n', { mode: 0o755 });
  symlinkSync('../nowhere', join(root, 'dangling'));
  symlinkSync('/etc', join(root, 'absolute'));
  symlinkSync('-rf', join(root, 'to-directory'));
  lutimesSync(join(root, 'dangling'), 1e9, 1e9);
  utimesSync(join(root, 'zero'), 1.5, 1.5);
  mkdirSync(join(root, 'read-only'));
  writeFileSync(join(root, 'read-only', 'inside'), 'x', { mode: 0o400 });
  chmodSync(join(root, 'read-only'), 0o555);
  utimesSync(join(root, '-rf'), 1_234_567_890, 1_234_567_890);
}

test('copy() brings back a tree of odd names, links, modes and times', async () => {
  const source = newDirectory('odd');
  makeOddTree(source);
  const up = await copyOne(local(source), remote('odd'));
  assert.deepEqual(up.errors, []);
  const back = join(client.folder, 'odd-back');
  const transfer = { unsafeLinks: true };
  const down = await copyOne(remote('odd'), local(back), { transfer });
  assert.deepEqual(down.errors, []);
  assert.deepEqual(describeTree(back), describeTree(source));
  const counts = ({ files, directories, links, bytes }: TransferResult): number[] => {
    return [files, directories, links, bytes];
  };
  assert.deepEqual(counts(down), counts(up));
});

async function countEntries(path: string): Promise<number> {
  let count = 0;
  const pages = listPages(client.session, `/${VOLUME}/${path}`, { limit: 300 });
  for await (const { entries } of pages) count += entries.length;
  return count;
}

async function countCommits(): Promise<number> {
  let count = 0;
  await readCommits(client.session, {
    volume: VOLUME,
    next: () => 0,
    take: () => {
      count += 1;
    },
  });
  return count;
}

test('copy() makes one commit for up to a thousand small files', async () => {
  const source = newDirectory('many');
  for (let index = 0; index < 2 * LIMITS.tarFilesMax; index += 1) {
    writeFileSync(join(source, `f${index}`), String(index));
  }
  const commitsBefore = await countCommits();
  const up = await copyOne(local(source), remote('many'));
  assert.equal(up.files, 2 * LIMITS.tarFilesMax);
  // Two streams and a small first one, the directory, and its attributes; some may share a commit.
  const commits = (await countCommits()) - commitsBefore;
  assert(commits >= 3 && commits <= 3 + 2, `${commits} commits`);
  assert.equal(await countEntries('many'), 2 * LIMITS.tarFilesMax);
  const back = join(client.folder, 'many-back');
  await copyOne(remote('many'), local(back));
  assert.deepEqual(describeTree(back), describeTree(source));
});

test('copy() names the copy as cp does', async () => {
  const source = newDirectory('naming');
  writeFileSync(join(source, 'file'), 'x');
  await copyOne(local(join(source, 'file')), remote('naming/a'));
  await copyOne(local(join(source, 'file')), remote('naming'));
  await copyOne(local(source), remote('naming/tree'));
  await copyOne(local(source), remote('naming/tree'));
  await copyOne(local(`${source}/.`), remote('naming/content'), { intoDirectory: true });
  await copyOne(remote('naming/a'), remote('naming/copy/b'), { intoDirectory: true });
  const target = newDirectory('naming-back');
  await copyOne(remote('naming'), local(target));
  const names = readdirSync(join(target, 'naming'), { recursive: true, encoding: 'utf8' });
  assert.deepEqual(names.toSorted(compareNames), [
    'a',
    'content',
    'content/file',
    'copy',
    'copy/b',
    'copy/b/a',
    'file',
    'tree',
    'tree/file',
    'tree/naming',
    'tree/naming/file',
  ]);
});

test('copy() reports what cannot be copied and copies the rest', async () => {
  const source = newDirectory('partly');
  writeFileSync(join(source, 'good'), 'x');
  writeFileSync(Buffer.from(`${source}/bad\xff`, 'latin1'), 'x');
  const result = await copyOne(local(source), remote('partly'));
  assert.deepEqual([result.files, result.verified, result.errors.length], [1, false, 1]);
  assert.match(result.errors[0]?.error.message ?? '', /not UTF-8/);
});

test('copy() reports the one entry of a stream that the volume refuses', async () => {
  const source = newDirectory('refused');
  for (const name of ['a', 'b', 'c', 'd', 'e']) writeFileSync(join(source, name), name);
  await copyOne(local(source), remote('refused/c'));
  const result = await copyOne(local(source), remote('refused'), { asDestination: true });
  assert.equal(result.files, 4);
  assert.deepEqual(
    result.errors.map(({ path, error }) => [path, error.code]),
    [[`/${VOLUME}/refused/c`, 'is_a_directory']],
  );
});

test('copy() refuses a directory without `recursive`, and a missing source', async () => {
  const source = newDirectory('plain');
  await rejectsWith(
    copyOne(local(source), remote('plain'), { recursive: false }),
    'is_a_directory',
  );
  await rejectsWith(copyOne(remote(''), local(source), { recursive: false }), 'is_a_directory');
  await rejectsWith(copyOne(local(join(source, 'none')), remote('x')), 'not_found');
  await rejectsWith(copyOne(remote('none'), local(source)), 'not_found');
});

test('copy() does not replace a device or a directory by a file', async () => {
  const source = join(newDirectory('replace'), 'file');
  writeFileSync(source, 'x');
  await copyOne(local(source), remote('replace'));
  await rejectsWith(copyOne(remote('replace'), local('/dev/null')), 'not_a_file');
  const options = { asDestination: true };
  const target = join(client.folder, 'replace');
  await rejectsWith(copyOne(remote('replace'), local(target), options), 'is_a_directory');
});

test('copy() sets the attributes of directories that exist already', async () => {
  const source = newDirectory('attributes');
  mkdirSync(join(source, 'inner'));
  writeFileSync(join(source, 'inner', 'large'), randomBytes(CHUNK + 1));
  await copyOne(local(source), remote('attributes'));
  chmodSync(join(source, 'inner'), 0o700);
  utimesSync(join(source, 'inner'), 1e9, 1e9);
  await copyOne(local(source), remote('attributes'), { asDestination: true });
  const { mode, mtimeUs } = await stat(client.session, `/${VOLUME}/attributes/inner`);
  assert.deepEqual([mode, mtimeUs], [0o700, 1e15]);
});

test('copy() ends when it is aborted, and what was committed stays', async () => {
  const source = newDirectory('aborted');
  for (let index = 0; index < 3 * LIMITS.tarFilesMax; index += 1) {
    writeFileSync(join(source, `f${index}`), 'x');
  }
  const controller = new AbortController();
  const { signal } = controller;
  const observer = { progress: (): void => controller.abort(new Error('enough')) };
  const copying = copyOne(local(source), remote('aborted'), { signal, observer });
  await assert.rejects(copying, /enough/);
  const count = await countEntries('aborted');
  assert(count > 0 && count % LIMITS.firstNames === 0, `${count} files`);
});
