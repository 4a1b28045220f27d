import assert from 'node:assert/strict';
import { appendFileSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { ERRORS } from '../../src/base/errors.ts';
import { LIMITS } from '../../src/base/limits.ts';
import { revokePrincipal, setGrant } from '../../src/client/administration.ts';
import { change, listPages, remove } from '../../src/client/files.ts';
import { openHome } from '../../src/client/home.ts';
import { copy } from '../../src/client/transfer.ts';
import { runCli } from '../support/cli.ts';
import type { Direction } from '../support/fault-proxy.ts';
import { HttpClient } from '../support/http-client.ts';
import { mountMemory, remount } from '../support/mount.ts';
import { addUser } from '../support/server.ts';
import { content, leftovers, TransferLab } from '../support/transfer-lab.ts';
import { describeTree } from '../support/tree.ts';

/** Trees of small files to whose sources, users and disks something happens on the way. */

const DIRECTORIES = 20;
const DIRECTORY_FILES = 20;
const FILES = DIRECTORIES * DIRECTORY_FILES;
const FILE_BYTES = 250_000;
/** Content that may have been read, or fetched, when the first of it has crossed the wire. */
const AHEAD_BYTES = (1 + LIMITS.partsInFlight + LIMITS.walkPagesAhead) * LIMITS.tarBytesTarget;
/** Of the wire's bytes of a whole run, when it happens. */
const EARLY = 0.1;
/** Of the tree, in listing order, what is read or fetched behind it. */
const LATE = 0.9;

let lab: TransferLab;
let home: string;
let volume: string;
let source: string;
/** Bytes on the wire for the tree, each way, undisturbed. */
let whole: Readonly<Record<Direction, number>>;

before(async () => {
  assert(AHEAD_BYTES < (LATE - EARLY) * FILES * FILE_BYTES, 'some files come behind it');
  lab = await TransferLab.start();
  home = await lab.newHome();
  volume = await lab.newVolume('fixed');
  source = newTree(1);
  const { up, down } = lab.proxy.bytes;
  await succeeds(['cp', '-r', source, `gdp://${volume}/tree`]);
  await succeeds(['cp', '-r', `gdp://${volume}/tree`, lab.newPath()]);
  whole = { up: lab.proxy.bytes.up - up, down: lab.proxy.bytes.down - down };
});
after(() => lab[Symbol.asyncDispose]());

async function succeeds(args: readonly string[], folder = home): Promise<void> {
  const { code, stderr } = await runCli(args, { home: folder });
  assert.equal(code, 0, `gdpfs ${args.join(' ')}\n${stderr}`);
}

const directoryName = (index: number): string => `d${String(index).padStart(2, '0')}`;

const sizeOf = (index: number): number => FILE_BYTES - (index % 50);

function newTree(seed: number): string {
  const root = lab.newPath();
  const bytes = content(seed, FILES * FILE_BYTES);
  for (let index = 0; index < FILES; index += 1) {
    const directory = join(root, directoryName(Math.floor(index / DIRECTORY_FILES)));
    if (index % DIRECTORY_FILES === 0) mkdirSync(directory, { recursive: true });
    const start = index * FILE_BYTES;
    const end = start + sizeOf(index);
    writeFileSync(join(directory, String(index)), bytes.subarray(start, end));
  }
  return root;
}

/** The content of a directory of a volume, past the proxy, as a local tree. */
async function fetched(path: string, { direct } = lab): Promise<string> {
  const target = lab.newPath();
  const [, name = '', ...rest] = path.split('/');
  const remote = { volume: name, path: rest.join('/') };
  const sources = [{ kind: 'remote', session: direct, remote }] as const;
  await copy({ sources, destination: { kind: 'local', path: target }, recursive: true });
  return target;
}

/** Lets `action` happen early in a run of the command line, and returns how that ended. */
async function disturbed(
  args: readonly string[],
  what: {
    readonly home: string;
    readonly direction: Direction;
    readonly action: () => void | Promise<void>;
  },
): ReturnType<typeof runCli> {
  const { direction, action } = what;
  lab.proxy.inject({
    direction,
    at: Math.floor(EARLY * whole[direction]),
    kind: 'run',
    action,
  });
  const result = await runCli(args, { home: what.home });
  assert.deepEqual(lab.proxy.pending, [], 'it has happened');
  return result;
}

/** What is done to the files of a directory, one after the other. */
const CHANGES: readonly ((path: string) => void)[] = [
  (path) => rmSync(path),
  (path) => appendFileSync(path, 'more'),
  (path) => {
    rmSync(path);
    mkdirSync(path);
    writeFileSync(join(path, 'inside'), 'inside');
  },
  (path) => {
    rmSync(path);
    symlinkSync('elsewhere', path);
  },
  (path) => {
    writeFileSync(`${path}.new`, 'replaced');
    renameSync(`${path}.new`, path);
  },
];

test('a tree that changes while it is uploaded arrives as what it was or is, file by file', async () => {
  const tree = newTree(2);
  const old = describeTree(tree);
  const late = LATE * DIRECTORIES;
  const changing = directoryName(late);
  const vanishing = directoryName(late + 1);
  const first = LATE * FILES;
  const action = (): void => {
    for (let index = first; index < first + DIRECTORY_FILES; index += 1) {
      CHANGES[index % CHANGES.length]?.(join(tree, changing, String(index)));
    }
    rmSync(join(tree, vanishing), { recursive: true });
    writeFileSync(join(tree, vanishing), 'a file by now');
  };
  const args = ['cp', '-r', tree, `gdp://${volume}/changing`];
  const { code, stderr } = await disturbed(args, { home, direction: 'up', action });
  assert(code === 0 || code === ERRORS.partial.exit, `${code}: ${stderr}`);
  // What does not change arrives, and only what does is named.
  for (const line of stderr.matchAll(/^gdpfs: error: cannot .*"(.*?)"/gm)) {
    assert.match(line[1] ?? '', new RegExp(`/(${changing}|${vanishing})(/|$)`), line[0]);
  }
  const now = describeTree(tree);
  const there = describeTree(await fetched(`/${volume}/changing`));
  const isChanging = (path: string): boolean => path >= changing;
  for (const [path, what] of Object.entries(old)) {
    if (!isChanging(path)) assert.equal(there[path], what, path);
  }
  const contentOf = (what = 'nothing'): string => what.split(' ').at(-1) ?? '';
  for (const [path, what] of Object.entries(there)) {
    const isOne = what.startsWith('file') ? [old[path], now[path]].map(contentOf) : undefined;
    if (isOne !== undefined) assert(isOne.includes(contentOf(what)), `${path} is a mixture`);
    else assert(path in old || path in now, path);
  }
  // They went before they were read.
  for (let index = first; index < first + DIRECTORY_FILES; index += CHANGES.length) {
    assert.equal(there[`${changing}/${index}`], undefined);
  }
  await succeeds(['sync', '--delete', tree, `gdp://${volume}/changing`]);
  assert.deepEqual(describeTree(await fetched(`/${volume}/changing`)), now);
});

test('a tree that is replaced in the volume while it is downloaded arrives as it was', async () => {
  const path = `/${volume}/replaced`;
  const copyTo = (from: string): Promise<unknown> =>
    change(lab.direct, `/${volume}/${from}`, { op: 'copy', to: path, recursive: true });
  await copyTo('tree');
  const action = async (): Promise<void> => {
    await remove(lab.direct, path, { recursive: true });
    await copyTo(`tree/${directoryName(0)}`);
  };
  const target = lab.newPath();
  const args = ['cp', '-r', `gdp://${volume}/replaced`, target];
  const { code, stderr } = await disturbed(args, { home, direction: 'down', action });
  assert.equal(code, 0, stderr);
  assert.deepEqual(describeTree(target), describeTree(source));
});

/** A login through the proxy of a principal that may be revoked. */
async function newUser(name: string): Promise<string> {
  await using admin = new HttpClient(lab.identity);
  await using client = await addUser(lab.server, admin, name);
  const { key, certificate } = client.options;
  assert(key !== undefined && certificate !== undefined);
  const login = openHome(lab.newPath());
  const profile = { ...lab.identity, key, certificate, name: 'default', principal: name };
  await login.saveProfile(profile);
  return login.directory;
}

test('an upload of a tree whose user is revoked ends, with whole files only', async () => {
  const user = await newUser('una');
  const action = async (): Promise<void> => {
    await revokePrincipal(lab.direct, { name: 'una' });
  };
  const args = ['cp', '-r', source, 'gdp://una/tree'];
  const { code, stderr } = await disturbed(args, { home: user, direction: 'up', action });
  assert.equal(code, ERRORS.certificate_invalid.exit, stderr);
  let count = 0;
  for await (const { entries } of listPages(lab.direct, '/una', { recursive: true })) {
    for (const { kind, path, size } of entries) {
      if (kind !== 'file') continue;
      count += 1;
      const index = Number(path.split('/').at(-1));
      assert.equal(size, sizeOf(index), path);
    }
  }
  assert(count < FILES, `${count} files came`);
});

test('a download of a tree whose user is revoked ends, with whole files only', async () => {
  const user = await newUser('ursa');
  await setGrant(lab.direct, { subject: 'ursa', permission: 'read', path: `/${volume}/tree` });
  const action = async (): Promise<void> => {
    await revokePrincipal(lab.direct, { name: 'ursa' });
  };
  const target = lab.newPath();
  const args = ['cp', '-r', `gdp://${volume}/tree`, target];
  const { code, stderr } = await disturbed(args, { home: user, direction: 'down', action });
  assert.equal(code, ERRORS.certificate_invalid.exit, stderr);
  const expected = describeTree(source);
  const files = Object.entries(describeTree(target)).filter(([, is]) => is.startsWith('file'));
  for (const [path, is] of files) assert.equal(is, expected[path], path);
  assert(files.length < FILES, `${files.length} files came`);
  assert.deepEqual(leftovers(target), []);
});

test('an upload of small files to a server whose disk is full says so, and goes on when there is room', async (t) => {
  const disk = lab.newPath();
  if (!mountMemory(t, disk, 64 * 1024 * 1024)) return;
  await using other = await TransferLab.start(join(disk, 'data'));
  const elsewhere = await other.newHome();
  const name = await other.newVolume('fixed');
  const tree = other.newPath();
  mkdirSync(tree);
  const size = 200_000;
  for (let index = 0; index < 330; index += 1) {
    writeFileSync(join(tree, String(index)), content(index, size));
  }
  const args = ['cp', '-r', tree, `gdp://${name}/tree`];
  const { code, stderr } = await runCli(args, { home: elsewhere });
  assert.equal(code, ERRORS.no_space.exit, stderr);
  assert.match(stderr, /^gdpfs: error: .*(no space|full)/m);
  const there = await fetched(`/${name}/tree`, other);
  const expected = describeTree(tree);
  for (const [path, is] of Object.entries(describeTree(there))) {
    assert.equal(is, expected[path], path);
  }
  remount(disk, 'size=256m');
  await succeeds(args, elsewhere);
  assert.deepEqual(describeTree(await fetched(`/${name}/tree`, other)), expected);
});
