import assert from 'node:assert/strict';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as delay } from 'node:timers/promises';
import { after, before, test } from 'node:test';
import { isGdpfsError } from '../../src/base/errors.ts';
import { makeDirectory, stat } from '../../src/client/files.ts';
import type { CliUser } from '../support/cli-user.ts';
import type { Direction } from '../support/fault-proxy.ts';
import {
  content,
  IN_FLIGHT_BYTES,
  LONG_FILE_BYTES,
  leftovers,
  onTheWire,
  TransferLab,
} from '../support/transfer-lab.ts';

/**
 * SIGKILL for the real command line and the real server, when chosen bytes come by, while somebody
 * else reads what is being replaced.
 */

const MIB = 1024 * 1024;
const POLL_MS = 15;

let lab: TransferLab;
let user: CliUser;
let volume: string;

before(async () => {
  lab = await TransferLab.start();
  user = await lab.newUser();
  volume = await lab.newVolume('fixed');
  // It remembers what volume the alias means.
  await user.succeeds(['ls', `gdp://${volume}`]);
});
after(() => lab[Symbol.asyncDispose]());

/** Kills the server when byte `at` comes, and starts it again. */
function killServerAt(direction: Direction, at: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const action = (): Promise<void> => lab.bounceServer().then(resolve, reject);
    lab.proxy.inject({ direction, at, kind: 'run', action });
  });
}

/** Looks again and again, until it is disposed of; what `look` throws is thrown then. */
function watch(look: () => Promise<void>): AsyncDisposable & { readonly looks: number } {
  let isOver = false;
  let looks = 0;
  const watching = (async () => {
    for (; !isOver; looks++) {
      await look();
      await delay(POLL_MS);
    }
  })();
  watching.catch(() => {});
  return {
    get looks() {
      return looks;
    },
    [Symbol.asyncDispose]: async () => {
      isOver = true;
      await watching;
    },
  };
}

/** A reader of a volume's file: the old content or the new one, whole; how often it changed. */
function readRemote(path: string, versions: readonly Buffer[]) {
  let etag: string | undefined;
  return watch(async () => {
    const { session, signal } = lab.openImpatient();
    try {
      const entry = await stat(session, path, { signal });
      if (entry.etag === etag) return;
      const bytes = await lab.read(path, session, { signal });
      assert(
        versions.some((version) => version.equals(bytes)),
        'a reader sees a whole version',
      );
      etag = entry.etag;
    } catch (error) {
      // Not while the server is away.
      if (error instanceof assert.AssertionError || isGdpfsError(error, 'corrupt')) throw error;
    } finally {
      await session[Symbol.asyncDispose]();
    }
  });
}

/** A reader of a local file. */
function readLocal(path: string, versions: readonly Buffer[]) {
  let inode = 0;
  return watch(async () => {
    const { ino } = statSync(path);
    if (ino === inode) return;
    inode = ino;
    const bytes = readFileSync(path);
    assert(
      versions.some((version) => version.equals(bytes)),
      'a reader sees a whole version',
    );
  });
}

/** Every file that the client keeps between runs, but for the checkpoints: each command moves them on. */
function homeFiles(): string[] {
  return readdirSync(user.home, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => relative(user.home, join(parentPath, name)))
    .filter((path) => !path.startsWith('checkpoints/'))
    .sort();
}

/** Of the large file. The server forgets one that was done with its next change, or in a week. */
async function unfinishedUploads(): Promise<number> {
  await makeDirectory(lab.direct, `/${volume}/next-${lab.proxy.bytes.up}`);
  using database = new DatabaseSync(join(lab.server.dataDirectory, 'store/index.sqlite'), {
    readOnly: true,
  });
  const query = database.prepare('SELECT count(*) AS count FROM upload WHERE size = ?');
  const row = query.get(LONG_FILE_BYTES);
  return Number(row?.['count']);
}

interface Place {
  readonly source: string;
  /** `gdp://…`. */
  readonly remote: string;
  /** `/<volume>/…`. */
  readonly path: string;
  readonly old: Buffer;
  readonly bytes: Buffer;
}

/** A local file, and another one at the place in the volume where it is to go. */
async function newPlace(name: string, seed: number): Promise<Place> {
  const source = lab.newPath();
  const old = content(seed, 3 * MIB);
  const bytes = content(seed + 1, LONG_FILE_BYTES);
  writeFileSync(source, old);
  const remote = `gdp://${volume}/${name}`;
  await user.succeeds(['cp', source, remote]);
  writeFileSync(source, bytes);
  return { source, remote, path: `/${volume}/${name}`, old, bytes };
}

/** Bytes that all runs together may put on the wire, when each but the last was killed at a byte. */
function mostBytes(kills: readonly number[]): number {
  return kills.reduce(
    (sum, at) => sum + onTheWire(Math.min(at, IN_FLIGHT_BYTES)),
    onTheWire(LONG_FILE_BYTES),
  );
}

/** The second one would cost more than it may if the next run began anew. */
const KILLS = [3000, Math.floor(0.9 * LONG_FILE_BYTES), 2 * MIB];

test('an upload by a client that is killed again and again ends whole, and costs what was in flight', async () => {
  const { source, remote, path, old, bytes } = await newPlace('client-up', 10);
  const files = homeFiles();
  const start = lab.proxy.bytes.up;
  {
    await using reader = readRemote(path, [old, bytes]);
    for (const at of KILLS) {
      const run = await lab.runKilled(user, ['cp', source, remote], { direction: 'up', at });
      assert.equal(run.signal, 'SIGKILL', run.stderr);
      assert(old.equals(await lab.read(path)), 'nothing is visible before the commit');
    }
    await user.succeeds(['cp', source, remote]);
    assert(reader.looks > 0);
  }
  const sent = lab.proxy.bytes.up - start;
  assert(sent <= mostBytes(KILLS), `${sent} bytes, at most ${mostBytes(KILLS)}`);
  assert(bytes.equals(await lab.read(path)));
  assert.deepEqual(homeFiles(), files);
  assert.equal(await unfinishedUploads(), 0);
});

test('a download by a client that is killed again and again ends whole, and costs what was in flight', async () => {
  const { source, remote, old, bytes } = await newPlace('client-down', 20);
  await user.succeeds(['cp', source, remote]);
  const files = homeFiles();
  const directory = lab.newPath();
  const target = join(directory, 'file');
  mkdirSync(directory);
  writeFileSync(target, old);
  const start = lab.proxy.bytes.down;
  {
    await using reader = readLocal(target, [old, bytes]);
    for (const at of KILLS) {
      const run = await lab.runKilled(user, ['cp', remote, target], {
        direction: 'down',
        at: Math.floor(at),
      });
      assert.equal(run.signal, 'SIGKILL', run.stderr);
      assert(old.equals(readFileSync(target)), 'nothing is visible before the end');
    }
    await user.succeeds(['cp', remote, target]);
    assert(reader.looks > 0);
  }
  const received = lab.proxy.bytes.down - start;
  assert(received <= mostBytes(KILLS), `${received} bytes`);
  assert(bytes.equals(readFileSync(target)));
  assert.deepEqual(homeFiles(), files);
  assert.deepEqual(leftovers(directory), []);
});

/** The first in the first content: before its first answer a server has only seconds to start again. */
const SERVER_KILLS = [8000, Math.floor(0.9 * LONG_FILE_BYTES)];

test('an upload goes on by itself when the server is killed and started again', async () => {
  const { source, remote, path, old, bytes } = await newPlace('server-up', 30);
  const start = lab.proxy.bytes.up;
  const kills = SERVER_KILLS.map((at) => killServerAt('up', at));
  {
    await using reader = readRemote(path, [old, bytes]);
    await user.succeeds(['cp', source, remote]);
    await Promise.all(kills);
    assert(reader.looks > 0);
  }
  const sent = lab.proxy.bytes.up - start;
  assert(sent <= mostBytes(SERVER_KILLS), `${sent} bytes, at most ${mostBytes(SERVER_KILLS)}`);
  assert(bytes.equals(await lab.read(path)));
  assert.equal(await unfinishedUploads(), 0);
});

test('a download goes on by itself when the server is killed and started again', async () => {
  const { source, remote, old, bytes } = await newPlace('server-down', 40);
  await user.succeeds(['cp', source, remote]);
  const directory = lab.newPath();
  const target = join(directory, 'file');
  mkdirSync(directory);
  writeFileSync(target, old);
  const start = lab.proxy.bytes.down;
  const kills = SERVER_KILLS.map((at) => killServerAt('down', at));
  {
    await using reader = readLocal(target, [old, bytes]);
    await user.succeeds(['cp', remote, target]);
    await Promise.all(kills);
    assert(reader.looks > 0);
  }
  const received = lab.proxy.bytes.down - start;
  assert(received <= mostBytes(SERVER_KILLS), `${received} bytes`);
  assert(bytes.equals(readFileSync(target)));
  assert.deepEqual(leftovers(directory), []);
});

test('an upload ends whole after client and server were killed at the same moment', async () => {
  const { source, remote, path, old, bytes } = await newPlace('both-up', 50);
  const start = lab.proxy.bytes.up;
  const at = Math.floor(0.9 * LONG_FILE_BYTES);
  const kill = killServerAt('up', at);
  const run = await lab.runKilled(user, ['cp', source, remote], { direction: 'up', at });
  assert.equal(run.signal, 'SIGKILL', run.stderr);
  await kill;
  assert(old.equals(await lab.read(path)));
  await user.succeeds(['cp', source, remote]);
  const sent = lab.proxy.bytes.up - start;
  assert(sent <= mostBytes([at]), `${sent} bytes, at most ${mostBytes([at])}`);
  assert(bytes.equals(await lab.read(path)));
});
