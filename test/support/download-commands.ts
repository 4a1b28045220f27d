/** What the model of transfers does to a local target and to the server: downloads, damage, restarts. */
import assert from 'node:assert/strict';
import {
  closeSync,
  openSync,
  readdirSync,
  readFileSync,
  readSync,
  rmSync,
  statSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { leftovers } from './transfer-lab.ts';
import {
  type Command,
  command,
  equals,
  type Model,
  note,
  positionIn,
  requireCode,
  type World,
} from './transfer-world.ts';

export function restartServer(): Command {
  return command(
    'kill and start the server',
    async (model, world) => {
      await world.lab.bounceServer();
      note(model, 'restarted');
    },
    ({ isRotten }) => !isRotten,
  );
}

/** Flips a bit of the file's first chunk in the server's store. */
export function rot(): Command {
  return command(
    'a chunk rots',
    async (model, world) => {
      const [bytes] = model.committed;
      assert(bytes !== undefined);
      model.isRotten = flipStored(world, bytes.subarray(0, 64)) > 0;
      if (!model.isRotten) return;
      note(model, 'rotten');
      // Found by who reads it.
      const { error } = await world.download();
      if (error !== undefined) requireCode(error, 'corrupt');
      // All of it was here already.
      else model.target = bytes;
    },
    ({ isRotten, committed }) => {
      return !isRotten && committed.length === 1 && (committed[0]?.length ?? 0) >= 64;
    },
  );
}

/** Changes bytes everywhere in the segments where they begin with `start`; how often. */
function flipStored(world: World, start: Buffer): number {
  const directory = join(world.lab.server.dataDirectory, 'store/segments');
  let count = 0;
  for (const name of readdirSync(directory)) {
    const path = join(directory, name);
    const bytes = readFileSync(path);
    for (let at = bytes.indexOf(start); at >= 0; at = bytes.indexOf(start, at + 1)) {
      flip(path, at);
      count += 1;
    }
  }
  return count;
}

function flip(path: string, offset: number): void {
  const file = openSync(path, 'r+');
  const byte = Buffer.alloc(1);
  readSync(file, byte, 0, 1, offset);
  writeSync(file, Buffer.from([(byte[0] ?? 0) ^ 1]), 0, 1, offset);
  closeSync(file);
}

function isThere({ committed, isRotten }: Model): boolean {
  return !isRotten && committed.every((version) => version !== undefined);
}

export function downloadToTheEnd(recheck: boolean): Command {
  return command(
    `download${recheck ? ' and recheck' : ''}`,
    async (model, world) => {
      const { error } = await world.download({ recheck });
      if (error !== undefined) throw error;
      [model.target] = model.committed;
      assert.deepEqual(leftovers(world.directory), []);
      note(model, 'downloaded');
    },
    isThere,
  );
}

export function downloadCut(kind: 'cut' | 'stall' | 'corrupt', where: number): Command {
  return command(
    `download, ${kind} at ${where}`,
    async (model, world) => {
      const at = positionIn(model.committed[0], where);
      world.lab.proxy.inject({ direction: 'down', at, kind, mask: 1 });
      const { error } = await world.download({ fault: kind });
      world.lab.proxy.clear();
      if (error === undefined) [model.target] = model.committed;
      else note(model, 'download cut');
    },
    isThere,
  );
}

/** The file is replaced in the middle of a download, which gives the old or the new one whole. */
export function downloadOvertaken(where: number, size: number): Command {
  return command(
    `download, overtaken at ${where} by ${size} bytes`,
    async (model, world) => {
      const bytes = world.fresh(size);
      const isReplaced = world.replaceAt('down', positionIn(model.committed[0], where), bytes);
      const { error } = await world.download();
      world.lab.proxy.clear();
      if (error !== undefined) throw error;
      const target = world.readTarget();
      const [old] = model.committed;
      assert(equals(target, old) || (isReplaced() && equals(target, bytes)));
      model.target = target;
      if (isReplaced()) model.committed = [bytes];
      if (isReplaced()) note(model, 'replaced while downloading');
    },
    isThere,
  );
}

export function editTarget(size: number | undefined): Command {
  return command(
    `target: ${size === undefined ? 'removed' : `${size} other bytes`}`,
    (model, world) => {
      model.target = size === undefined ? undefined : world.fresh(size);
      if (model.target === undefined) rmSync(world.target, { force: true });
      else writeFileSync(world.target, model.target);
    },
  );
}

/** Somebody writes into what a download left behind: it is not believed. */
export function damageLeftovers(at: number): Command {
  return command('leftovers damaged', (model, world) => {
    for (const name of leftovers(world.directory)) {
      const path = join(world.directory, name);
      const { size } = statSync(path);
      if (size === 0) continue;
      flip(path, Math.floor(at * size));
      note(model, 'leftovers damaged');
    }
  });
}
