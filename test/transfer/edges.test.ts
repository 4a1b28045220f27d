import assert from 'node:assert/strict';
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test, type TestContext } from 'node:test';
import { ERRORS, isGdpfsError } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { uploadFile } from '../../src/client/upload.ts';
import type { CliUser } from '../support/cli-user.ts';
import { mountMemory, remount } from '../support/mount.ts';
import { content, leftovers, TransferLab } from '../support/transfer-lab.ts';
import { describeTree } from '../support/tree.ts';

/** Files, names and disks that are at the edge of what there is, with the real command line. */

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;
const CHUNK = LIMITS.chunkBytesDefault;

let lab: TransferLab;
let user: CliUser;
let volume: string;

before(async () => {
  lab = await TransferLab.start();
  user = await lab.newUser();
  volume = await lab.newVolume('fixed');
});
after(() => lab[Symbol.asyncDispose]());

function newDirectory(): string {
  const path = lab.newPath();
  mkdirSync(path);
  return path;
}

// ── Sources that do not hold still ────────────────────────────────────────────────────────────

/** More than is read ahead: a part of it is read after the change. */
const MOVING_SIZE = (LIMITS.transferConcurrency + 8) * LIMITS.bodyBytesTarget;

const CHANGES: Readonly<Record<string, (path: string) => void>> = {
  grows: (path) => writeFileSync(path, 'more', { flag: 'a' }),
  shrinks: (path) => truncateSync(path, MOVING_SIZE - 3 * MIB),
  'is written to': (path) => {
    const file = openSync(path, 'r+');
    writeSync(file, 'other', MOVING_SIZE - 100);
    closeSync(file);
  },
  'is replaced': (path) => {
    writeFileSync(`${path}.new`, content(99, MOVING_SIZE));
    renameSync(`${path}.new`, path);
  },
  vanishes: (path) => rmSync(path),
};

describe('a source that changes while it is uploaded', () => {
  for (const [index, [what, change]] of Object.entries(CHANGES).entries()) {
    test(`an upload whose source ${what} says source_changed, and the volume keeps what it has`, async () => {
      const source = lab.newPath();
      const path = `/${volume}/${what.replaceAll(' ', '-')}`;
      const old = content(3, 1000);
      writeFileSync(source, old);
      await uploadFile(lab.direct, { source, path });
      writeFileSync(source, content(100 + index, MOVING_SIZE));
      const action = (): void => change(source);
      lab.proxy.inject({ direction: 'up', at: MIB, kind: 'run', action });
      const { error } = await lab.run(
        (session, call) => uploadFile(session, { source, path, ...call }),
        { retries: true },
      );
      assert(isGdpfsError(error, 'source_changed'), String(error));
      assert(old.equals(await lab.read(path)), 'the volume has the version before');
      if (what === 'vanishes') return;
      await uploadFile(lab.direct, { source, path });
      assert(readFileSync(source).equals(await lab.read(path)), 'the same again ends it');
    });
  }
});

// ── Disks ─────────────────────────────────────────────────────────────────────────────────────

/** A small disk in memory; undefined, and the test skipped, where none may be made. */
function mountDisk(t: TestContext, mebibytes: number): string | undefined {
  const path = lab.newPath();
  return mountMemory(t, path, mebibytes * MIB) ? path : undefined;
}

test('a download onto a full disk says so, leaves the old file, and goes on when there is room', async (t) => {
  const disk = mountDisk(t, 6);
  if (disk === undefined) return;
  const source = lab.newPath();
  const remote = `gdp://${volume}/full-client`;
  writeFileSync(source, content(10, 9 * MIB));
  await user.succeeds(['cp', source, remote]);
  const target = join(disk, 'file');
  writeFileSync(target, 'old');
  assert.match(await user.fails(['cp', remote, target], ERRORS.no_space.exit), /no space/);
  assert.equal(readFileSync(target, 'utf8'), 'old');
  remount(disk, 'size=64m');
  await user.succeeds(['cp', remote, target]);
  assert(readFileSync(source).equals(readFileSync(target)));
  assert.deepEqual(leftovers(disk), []);
});

test('an upload to a server whose disk is full says so, and goes on when there is room', async (t) => {
  const disk = mountDisk(t, 64);
  if (disk === undefined) return;
  await using other = await TransferLab.start(join(disk, 'data'));
  const elsewhere = await other.newUser();
  const name = await other.newVolume('fixed');
  const source = lab.newPath();
  const remote = `gdp://${name}/file`;
  const old = content(11, MIB);
  writeFileSync(source, old);
  await elsewhere.succeeds(['cp', source, remote]);
  writeFileSync(source, content(12, 80 * MIB));
  const refusal = await elsewhere.fails(['cp', source, remote], ERRORS.no_space.exit);
  assert.match(refusal, /^gdpfs: error: .*(no space|full)/m);
  assert(old.equals(await other.read(`/${name}/file`)));
  remount(disk, 'size=256m');
  await elsewhere.succeeds(['cp', '--json', source, remote]);
  assert(readFileSync(source).equals(await other.read(`/${name}/file`)));
});

test('a download into a read-only directory says so and changes nothing', async (t) => {
  const disk = mountDisk(t, 4);
  if (disk === undefined) return;
  const source = lab.newPath();
  writeFileSync(source, 'new');
  await user.succeeds(['cp', source, `gdp://${volume}/for-read-only`]);
  writeFileSync(join(disk, 'file'), 'old');
  remount(disk, 'ro');
  await user.fails(
    ['cp', `gdp://${volume}/for-read-only`, join(disk, 'file')],
    ERRORS.read_only.exit,
  );
  await user.fails(
    ['cp', `gdp://${volume}/for-read-only`, join(disk, 'other')],
    ERRORS.read_only.exit,
  );
  assert.deepEqual(readdirSync(disk), ['file']);
  assert.equal(readFileSync(join(disk, 'file'), 'utf8'), 'old');
});

test('a tree on a read-only disk is uploaded like any other', async (t) => {
  const disk = mountDisk(t, 4);
  if (disk === undefined) return;
  mkdirSync(join(disk, 'tree/sub'), { recursive: true });
  writeFileSync(join(disk, 'tree/small'), 'small');
  writeFileSync(join(disk, 'tree/sub/large'), content(13, MIB));
  remount(disk, 'ro');
  await user.succeeds(['cp', '-r', join(disk, 'tree'), `gdp://${volume}/`]);
  const back = newDirectory();
  await user.succeeds(['cp', '-r', `gdp://${volume}/tree`, `${back}/`]);
  assert.deepEqual(describeTree(join(back, 'tree')), describeTree(join(disk, 'tree')));
});

// ── Sizes and names ───────────────────────────────────────────────────────────────────────────

for (const chunking of ['fixed', 'cdc'] as const) {
  test(`files of sizes around a chunk and a body come back equal (${chunking})`, async () => {
    const name = await lab.newVolume(chunking);
    const tree = newDirectory();
    const body = LIMITS.bodyBytesTarget;
    const around = (size: number): number[] => [size - 1, size, size + 1];
    const sizes = [
      0,
      1,
      ...around(64 * 1024),
      ...around(CHUNK),
      ...around(4 * CHUNK),
      ...around(body),
    ];
    for (const size of sizes) writeFileSync(join(tree, String(size)), content(size, size));
    await user.succeeds(['cp', '-r', tree, `gdp://${name}/tree`]);
    const back = lab.newPath();
    await user.succeeds(['cp', '-r', `gdp://${name}/tree`, back]);
    assert.deepEqual(describeTree(back), describeTree(tree));
    // And alone, without a tree around them: all of them travel chunk by chunk.
    const sources = sizes.map((size) => join(tree, String(size)));
    await user.succeeds(['cp', ...sources, `gdp://${name}/alone/`]);
    const alone = newDirectory();
    await user.succeeds(['cp', ...sizes.map((size) => `gdp://${name}/alone/${size}`), `${alone}/`]);
    assert.deepEqual(describeTree(alone), describeTree(tree));
  });
}

const NAMES = [
  'with space',
  ' leading and trailing ',
  'new\nline',
  'tab\tand\\backslash',
  '-rf',
  '--help',
  'quote\'and"quote',
  '*?[a]$HOME;&|',
  '%2e%2e',
  '...',
  '🦆',
  'a\u0301 not composed',
  '\u00e1 composed',
  `${'n'.repeat(251)}.txt`,
  `${'🦆'.repeat(63)}255`,
];

test('names of any bytes and length come back, in trees and alone', async () => {
  const tree = newDirectory();
  for (const [index, name] of NAMES.entries()) {
    writeFileSync(join(tree, name), content(index, 100 + index));
    mkdirSync(join(tree, `${index}`, name), { recursive: true });
    writeFileSync(join(tree, `${index}`, name, 'large'), content(index, CHUNK + index));
    symlinkSync(name, join(tree, `${index}`, 'link'));
    utimesSync(join(tree, name), 1_600_000_000 + index, 1_600_000_000 + index);
  }
  await user.succeeds(['cp', '-r', tree, `gdp://${volume}/names`]);
  const back = lab.newPath();
  await user.succeeds(['cp', '-r', `gdp://${volume}/names`, back]);
  assert.deepEqual(describeTree(back), describeTree(tree));
  const alone = newDirectory();
  const sources = NAMES.map((name) => join(tree, name));
  await user.succeeds(['cp', ...sources, `gdp://${volume}/alone/`]);
  await user.succeeds(['cp', ...NAMES.map((name) => `gdp://${volume}/alone/${name}`), `${alone}/`]);
  assert.deepEqual(readdirSync(alone).sort(), [...NAMES].sort());
  for (const [index, name] of NAMES.entries()) {
    assert(content(index, 100 + index).equals(readFileSync(join(alone, name))), name);
  }
});

test('a sparse file of 5 GiB crosses the wire as its data and stays sparse, both ways', async () => {
  const size = 5 * GIB;
  const places = [0, GIB + 12_345, 4 * GIB, size - MIB];
  const source = lab.newPath();
  const data = content(20, MIB);
  writeFileSync(source, '');
  truncateSync(source, size);
  const file = openSync(source, 'r+');
  for (const place of places) writeSync(file, data, 0, MIB, place);
  closeSync(file);
  const { up, down } = lab.proxy.bytes;
  const remote = `gdp://${volume}/sparse`;
  await user.succeeds(['cp', source, remote]);
  const target = lab.newPath();
  await user.succeeds(['cp', remote, target]);
  // Each stretch of data touches at most two chunks.
  const most = places.length * 2 * LIMITS.chunkBytesMax;
  assert(lab.proxy.bytes.up - up < most, `${lab.proxy.bytes.up - up} bytes up`);
  assert(lab.proxy.bytes.down - down < most, `${lab.proxy.bytes.down - down} bytes down`);
  const { size: received, blocks } = statSync(target);
  assert.equal(received, size);
  assert(blocks * 512 <= most, `${blocks * 512} bytes allocated`);
  const back = openSync(target, 'r');
  const bytes = Buffer.alloc(MIB + 2);
  for (const place of places) {
    const from = Math.max(0, place - 1);
    const length = readSync(back, bytes, 0, MIB + 2, from);
    const expected = Buffer.alloc(length);
    data.copy(expected, place - from);
    assert(expected.equals(bytes.subarray(0, length)), `data at ${place}`);
  }
  closeSync(back);
});

test('of two command lines that upload to one path at once, each wins or is told', async () => {
  const path = `gdp://${volume}/contended`;
  const sources = [lab.newPath(), lab.newPath()];
  const versions = sources.map((source, index) => {
    const bytes = content(30 + index, 6 * MIB);
    writeFileSync(source, bytes);
    return bytes;
  });
  const runs = await Promise.all(sources.map((source) => user.run(['cp', source, path])));
  const codes = runs.map(({ code }) => code);
  assert(codes.includes(0), runs.map(({ stderr }) => stderr).join(''));
  const told: readonly number[] = [0, ERRORS.changed.exit];
  assert(
    codes.every((code) => code !== null && told.includes(code)),
    codes.join(),
  );
  const found = await lab.read(`/${volume}/contended`);
  const winner = versions.findIndex((bytes) => bytes.equals(found));
  assert(winner >= 0, 'what is there is one of the two');
  assert.equal(codes[winner], 0);
});
