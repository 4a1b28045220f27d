import assert from 'node:assert/strict';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { CliUser } from '../support/cli-user.ts';
import type { Direction } from '../support/fault-proxy.ts';
import { content, leftovers, TransferLab } from '../support/transfer-lab.ts';
import { describeTree } from '../support/tree.ts';

/** `gdpfs sync --delete` that is killed again and again, in both directions. */

const FILES = 4000;
const FILE_BYTES = 1000;
const DIRECTORIES = 20;
/**
 * Where runs are killed, one behind the other, as a part of the bytes of a whole one: before a stream
 * of the tree is there, when some are, and again with what is left: a tenth of it at least, as all
 * before it have not received more than the rest.
 */
const KILLED_AT = [0.1, 0.8, 0.08];

let lab: TransferLab;
let user: CliUser;
let volume: string;

before(async () => {
  lab = await TransferLab.start();
  user = await lab.newUser();
  volume = await lab.newVolume('fixed');
});
after(() => lab[Symbol.asyncDispose]());

async function sync(source: string, destination: string): Promise<void> {
  await user.succeeds(['sync', '--delete', source, destination]);
}

/** Kills the command line when byte `at` of `direction` comes, as it must. */
async function killAt(args: readonly string[], direction: Direction, at: number): Promise<void> {
  const { signal } = await lab.runKilled(user, args, { direction, at });
  assert.equal(signal, 'SIGKILL');
}

/** Files of which each says in its content which tree it is of. */
function writeTree(root: string, { seed, from }: { seed: number; from: number }): void {
  const bytes = content(seed, FILES * FILE_BYTES);
  for (let index = from; index < from + FILES; index += 1) {
    const directory = join(root, `d${index % DIRECTORIES}`);
    if (index < from + DIRECTORIES) mkdirSync(directory, { recursive: true });
    const start = (index - from) * FILE_BYTES;
    writeFileSync(join(directory, String(index)), bytes.subarray(start, start + FILE_BYTES));
  }
}

/** Brings a tree over by `run`, and puts another there: half its names are new, half are gone. */
async function change(root: string, seed: number, run: () => Promise<void>): Promise<void> {
  writeTree(root, { seed, from: 0 });
  await run();
  rmSync(root, { recursive: true });
  writeTree(root, { seed: seed + 1, from: FILES / 2 });
}

/** Each file is as it was before, or as it is at the source; what is gone may still be there. */
function assertWhole(
  found: Readonly<Record<string, string>>,
  { old, now }: Readonly<Record<'old' | 'now', Readonly<Record<string, string>>>>,
): void {
  for (const [path, what] of Object.entries(found)) {
    // A directory gets its time when it is complete.
    if (path.split('/').length < 2) continue;
    assert(what === old[path] || what === now[path], `${path} is a mixture`);
  }
}

async function bytesOf(direction: Direction, run: () => Promise<void>): Promise<number> {
  const before = lab.proxy.bytes[direction];
  await run();
  return lab.proxy.bytes[direction] - before;
}

test('sync into a volume that is killed again and again ends equal, with nothing halved on the way', async () => {
  const root = lab.newPath();
  const remote = `gdp://${volume}/up`;
  let whole = 0;
  await change(root, 2000, async () => {
    whole = await bytesOf('up', () => sync(root, remote));
  });
  const back = lab.newPath();
  await sync(remote, back);
  const old = describeTree(back);
  for (const part of KILLED_AT) {
    await killAt(['sync', '--delete', root, remote], 'up', part * whole);
    await sync(remote, back);
    assertWhole(describeTree(back), { old, now: describeTree(root) });
  }
  await sync(root, remote);
  await sync(remote, back);
  assert.deepEqual(describeTree(back), describeTree(root));
});

test('sync out of a volume that is killed again and again ends equal, and leaves nothing behind', async () => {
  const root = lab.newPath();
  const remote = `gdp://${volume}/down`;
  const target = lab.newPath();
  await change(root, 3000, async () => {
    await sync(root, remote);
    await sync(remote, target);
  });
  await sync(root, remote);
  const whole = await bytesOf('down', () => sync(remote, lab.newPath()));
  const old = describeTree(target);
  for (const part of KILLED_AT) {
    await killAt(['sync', '--delete', remote, target], 'down', part * whole);
    const parts = new Set(leftovers(target));
    const found = Object.entries(describeTree(target)).filter(([path]) => !parts.has(path));
    assertWhole(Object.fromEntries(found), { old, now: describeTree(root) });
  }
  await sync(remote, target);
  assert.deepEqual(describeTree(target), describeTree(root));
  assert.deepEqual(leftovers(target), []);
});
