import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { EMPTY_BYTES } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/base/digest.ts';
import { listPages, makeDirectory } from '../../src/client/files.ts';
import { sendEntries } from '../../src/client/sync/send-entries.ts';
import { copy } from '../../src/client/transfer.ts';
import { getVolume } from '../../src/client/volumes.ts';
import { encodeEntryPack } from '../../src/wire/entry-pack-writer.ts';
import type { CliUser } from '../support/cli-user.ts';
import type { Direction } from '../support/fault-proxy.ts';
import { content, leftovers, TransferLab } from '../support/transfer-lab.ts';
import { describeTree } from '../support/tree.ts';

/** Trees of small files, cut off and killed in both directions. */

const FILES = 7000;
const DIRECTORIES = 20;
const FILE_BYTES = 1000;
/**
 * Of what a whole run sends, when it is killed; and what the next one may send: listings, and at most
 * LIMITS.tarStreamsInFlight of the eight streams, which are lost.
 */
const KILLED_AT = 0.9;
const REST_MAX = 0.8;

let lab: TransferLab;
let user: CliUser;
let volume: string;
/** Bytes on the wire for a tree, each way, undisturbed. */
let whole: Readonly<Record<Direction, number>>;

before(async () => {
  lab = await TransferLab.start();
  user = await lab.newUser();
  volume = await lab.newVolume('fixed');
  const { up, down } = lab.proxy.bytes;
  const source = newTree(0);
  await user.succeeds(['cp', '-r', source, `gdp://${volume}/whole`]);
  await user.succeeds(['cp', '-r', `gdp://${volume}/whole`, lab.newPath()]);
  whole = { up: lab.proxy.bytes.up - up, down: lab.proxy.bytes.down - down };
});
after(() => lab[Symbol.asyncDispose]());

/** The same shape each time, and other content. */
function newTree(seed: number): string {
  const root = lab.newPath();
  const bytes = content(1000 + seed, FILES * FILE_BYTES);
  for (let index = 0; index < DIRECTORIES; index++) {
    mkdirSync(join(root, `d${index}`, 'empty'), { recursive: true });
    symlinkSync('0', join(root, `d${index}`, 'link'));
  }
  for (let index = 0; index < FILES; index++) {
    const path = join(root, `d${index % DIRECTORIES}`, String(index));
    const start = index * FILE_BYTES;
    writeFileSync(path, bytes.subarray(start, start + FILE_BYTES - (index % 50)));
  }
  writeFileSync(join(root, 'large'), bytes.subarray(0, 1_000_000));
  return root;
}

/** Kills the command line when byte `at` of `direction` comes, as it must. */
async function killAt(args: readonly string[], direction: Direction, at: number): Promise<void> {
  const { signal } = await lab.runKilled(user, args, { direction, at });
  assert.equal(signal, 'SIGKILL');
}

/** The content of a directory of the volume, past the proxy, as a local tree. */
async function fetched(path: string): Promise<string> {
  const target = lab.newPath();
  const remote = { volume, path };
  const sources = [{ kind: 'remote', session: lab.direct, remote }] as const;
  await copy({ sources, destination: { kind: 'local', path: target }, recursive: true });
  return target;
}

test('cp -r into a volume that is killed goes on, and sends no stream again that was committed', async () => {
  const source = newTree(1);
  const args = ['cp', '-r', source, `gdp://${volume}/killed-up/`];
  const name = source.split('/').at(-1) ?? '';
  await killAt(args, 'up', 5000);
  await killAt(args, 'up', KILLED_AT * whole.up);
  // What is there of it is whole, file by file.
  const path = `/${volume}/killed-up/${name}`;
  for await (const { entries } of listPages(lab.direct, path, { recursive: true })) {
    for (const { kind, size, path: found } of entries) {
      const index = Number(found.split('/').at(-1));
      if (kind === 'file' && !Number.isNaN(index)) assert.equal(size, FILE_BYTES - (index % 50));
    }
  }
  const before = lab.proxy.bytes.up;
  await user.succeeds(args);
  const sent = lab.proxy.bytes.up - before;
  assert(sent <= REST_MAX * whole.up, `${sent} bytes, ${whole.up} are all`);
  assert.deepEqual(describeTree(await fetched(`killed-up/${name}`)), describeTree(source));
});

test('cp -r out of a volume that is killed goes on, and fetches no stream again that was written', async () => {
  const source = newTree(2);
  await user.succeeds(['cp', '-r', source, `gdp://${volume}/killed-down`]);
  const target = lab.newPath();
  mkdirSync(target);
  const args = ['cp', '-r', `gdp://${volume}/killed-down`, `${target}/`];
  await killAt(args, 'down', 10_000);
  await killAt(args, 'down', KILLED_AT * whole.down);
  const before = lab.proxy.bytes.down;
  await user.succeeds(args);
  const received = lab.proxy.bytes.down - before;
  assert(received <= REST_MAX * whole.down, `${received} bytes, ${whole.down} are all`);
  assert.deepEqual(describeTree(join(target, 'killed-down')), describeTree(source));
  assert.deepEqual(leftovers(target), []);
});

test('a tree goes both ways through cuts, and a server that is killed and started again', async () => {
  const source = newTree(3);
  const faults = (direction: Direction): void => {
    for (const part of [0.2, 0.4, 0.6]) {
      lab.proxy.inject({ direction, at: Math.floor(part * whole[direction]), kind: 'reset' });
    }
    const at = Math.floor(0.8 * whole[direction]);
    lab.proxy.inject({ direction, at, kind: 'run', action: () => lab.bounceServer() });
  };
  faults('up');
  await user.succeeds(['cp', '-r', source, `gdp://${volume}/faults`]);
  lab.proxy.clear();
  faults('down');
  const target = lab.newPath();
  await user.succeeds(['cp', '-r', `gdp://${volume}/faults`, target]);
  lab.proxy.clear();
  assert.deepEqual(describeTree(target), describeTree(source));
  assert.deepEqual(leftovers(target), []);
});

/** Faults of one pack, half of them in its answers. */
const PACK_FAULTS = 8;

test('a pack that is cut off anywhere, or whose answer is, is committed once and whole', async () => {
  const names = Array.from({ length: 60 }, (_, index) => `f${100 + index}`);
  const before = lab.proxy.bytes.up;
  const downBefore = lab.proxy.bytes.down;
  const send = async (seed: number): Promise<void> => {
    const bytes = content(3000 + seed, names.length * FILE_BYTES);
    const entries = names.map((path, index) => {
      const data = bytes.subarray(index * FILE_BYTES, (index + 1) * FILE_BYTES);
      return {
        kind: 'file',
        path,
        mode: 0o640,
        mtimeUs: seed,
        data,
        digest: sha256(data),
      } as const;
    });
    const directory = `/${volume}/pack-${seed}`;
    await makeDirectory(lab.direct, directory);
    const { count } = await getVolume(lab.direct, volume);
    await using session = lab.open();
    await sendEntries(session, encodeEntryPack(entries), { path: directory });
    assert.equal((await getVolume(lab.direct, volume)).count, count + names.length);
    for (const path of [0, 30, 59].map((index) => names[index] ?? '')) {
      const { data } = entries.find((entry) => entry.path === path) ?? { data: EMPTY_BYTES };
      assert.deepEqual(await lab.read(`${directory}/${path}`), Buffer.from(data));
    }
  };
  await send(0);
  const span = { up: lab.proxy.bytes.up - before, down: lab.proxy.bytes.down - downBefore };
  for (let fault = 1; fault <= PACK_FAULTS; fault += 1) {
    const direction = fault % 2 === 0 ? 'up' : 'down';
    const at = Math.floor((span[direction] * fault) / (PACK_FAULTS + 1));
    const { happened } = lab.proxy;
    lab.proxy.inject({ direction, at, kind: fault % 4 < 2 ? 'reset' : 'cut' });
    await send(fault);
    lab.proxy.clear();
    // Only the last bytes of a connection may not come: its end is not waited for.
    if (fault < PACK_FAULTS - 1) assert.equal(lab.proxy.happened, happened + 1, `fault ${fault}`);
  }
});
