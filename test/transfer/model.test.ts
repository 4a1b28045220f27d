import assert from 'node:assert/strict';
import {
  closeSync,
  existsSync,
  mkdirSync,
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
import { after, before, test } from 'node:test';
import { fc } from '../support/property.ts';
import { isGdpfsError } from '../../src/base/errors.ts';
import { downloadFile } from '../../src/client/download.ts';
import { stat } from '../../src/client/files.ts';
import { uploadFile } from '../../src/client/upload.ts';
import type { Direction, FaultKind } from '../support/fault-proxy.ts';
import { content, leftovers, type Run, stallMsFor, TransferLab } from '../support/transfer-lab.ts';

/**
 * One path in a volume, one file that is uploaded to it and one that is downloaded from it, and all
 * that can happen to them, in any order. Soak: GDPFS_MODEL_RUNS=500 GDPFS_MODEL_SEED=7
 * node --test test/transfer/model.test.ts
 */

const RUNS = Number(process.env['GDPFS_MODEL_RUNS'] ?? 10);
const SEED = Number(process.env['GDPFS_MODEL_SEED'] ?? 1);
const COMMANDS_MAX = 24;
const KIB = 1024;
const SIZE_MAX = 3072 * KIB;

let lab: TransferLab;

before(async () => {
  lab = await TransferLab.start();
});
after(() => lab[Symbol.asyncDispose]());

/** What must be true of the world, as far as it is known. */
interface Model {
  source: Buffer;
  /** What may be at the path; undefined is nothing. More than one after an upload that was cut off. */
  committed: (Buffer | undefined)[];
  /** What is at the local target. */
  target: Buffer | undefined;
  /** A chunk of what is at the path is damaged on the server's disk. */
  isRotten: boolean;
  /** How often each command had the effect that it is for. */
  readonly seen: Map<string, number>;
}

/** What one run has damaged is no other's: nothing of their content is the same. */
let worlds = 0;

interface DownloadOptions {
  readonly recheck?: boolean;
  /** A fault of that kind is on the way. */
  readonly fault?: FaultKind;
}

/** The files of one run. */
class World {
  readonly source: string;
  readonly directory: string;
  readonly target: string;
  readonly path: string;
  readonly #number = ++worlds;
  #changes = 0;

  constructor(volume: string) {
    this.source = lab.newPath();
    this.directory = lab.newPath();
    this.target = join(this.directory, 'target');
    this.path = `/${volume}/${this.source.slice(-8).replaceAll('/', '-')}`;
    mkdirSync(this.directory);
  }

  /** New content, never seen before, of a size that chunks do or do not divide. */
  fresh(size: number): Buffer {
    this.#changes += 1;
    return content(this.#number * 1000 + this.#changes, size);
  }

  /** A fault of that kind is on the way. */
  async upload(fault?: FaultKind): Promise<Run> {
    const { source, path } = this;
    return await lab.run((session, call) => uploadFile(session, { source, path, ...call }), {
      retries: false,
      stallMs: stallMsFor(fault),
    });
  }

  async download({ recheck = false, fault }: DownloadOptions = {}): Promise<Run> {
    const { path, target } = this;
    const transfer = { recheck };
    return await lab.run(
      (session, call) => downloadFile(session, { path, target, transfer, ...call }),
      { retries: false, stallMs: stallMsFor(fault) },
    );
  }

  /** What a reader sees; throws `corrupt` for a damaged file. */
  async read(): Promise<Buffer | undefined> {
    try {
      return await lab.read(this.path);
    } catch (error) {
      if (isGdpfsError(error, 'not_found')) return undefined;
      throw error;
    }
  }

  readTarget(): Buffer | undefined {
    return existsSync(this.target) ? readFileSync(this.target) : undefined;
  }
}

type Command = fc.AsyncCommand<Model, World>;

function equals(left: Buffer | undefined, right: Buffer | undefined): boolean {
  return left === undefined || right === undefined ? left === right : left.equals(right);
}

/** The invariants, after every step. */
async function check(model: Model, world: World): Promise<void> {
  assert(
    equals(world.readTarget(), model.target),
    'the target changes only when a download is done',
  );
  if (model.isRotten) {
    await assert.rejects(world.read(), (error) => isGdpfsError(error, 'corrupt'));
    return;
  }
  const found = await world.read();
  assert(
    model.committed.some((version) => equals(version, found)),
    'what is at the path is a version that was whole at a source',
  );
  model.committed = [found];
}

function command(
  name: string,
  run: (model: Model, world: World) => Promise<void> | void,
  isPossible: (model: Model) => boolean = () => true,
): Command {
  return {
    check: (model) => isPossible(model),
    run: async (model, world) => {
      await run(model, world);
      await check(model, world);
    },
    toString: () => name,
  };
}

function note(model: Model, what: string): void {
  model.seen.set(what, (model.seen.get(what) ?? 0) + 1);
}

function requireCode(error: unknown, ...codes: Parameters<typeof isGdpfsError>[1][]): void {
  if (isGdpfsError(error, ...codes)) return;
  throw error;
}

/** Behind the handshake, somewhere in the content if all of it crosses the wire. */
function positionIn(bytes: Buffer | undefined, where: number): number {
  return 5000 + Math.floor(where * (bytes?.length ?? 0));
}

// ── The source ────────────────────────────────────────────────────────────────────────────────

interface Edit {
  readonly kind: 'append' | 'insert' | 'overwrite' | 'truncate' | 'rewrite';
  /** Where: from 0 to 1 of the size. */
  readonly at: number;
  /** Bytes. */
  readonly length: number;
}

function edited(world: World, old: Buffer, { kind, at, length }: Edit): Buffer {
  const offset = Math.floor(at * old.length);
  const added = world.fresh(length);
  switch (kind) {
    case 'append':
      return Buffer.concat([old, added]).subarray(0, SIZE_MAX);
    case 'insert':
      return Buffer.concat([old.subarray(0, offset), added, old.subarray(offset)]);
    case 'overwrite':
      return Buffer.concat([old.subarray(0, offset), added, old.subarray(offset + length)]);
    case 'truncate':
      return old.subarray(0, offset);
    case 'rewrite':
      return added;
  }
}

function editSource(edit: Edit): Command {
  return command(
    `source: ${JSON.stringify(edit)}`,
    (model, world) => {
      model.source = edited(world, model.source, edit);
      writeFileSync(world.source, model.source);
    },
    ({ source }) => source.length + edit.length <= SIZE_MAX,
  );
}

// ── Uploads ───────────────────────────────────────────────────────────────────────────────────

function uploadToTheEnd(): Command {
  return command('upload', async (model, world) => {
    const { error } = await world.upload();
    if (error !== undefined) throw error;
    model.committed = [model.source];
    model.isRotten = false;
    note(model, 'uploaded');
  });
}

function uploadCut(kind: 'cut' | 'stall' | 'corrupt', where: number): Command {
  return command(
    `upload, ${kind} at ${where}`,
    async (model, world) => {
      const direction: Direction = 'up';
      const at = positionIn(model.source, where);
      lab.proxy.inject({ direction, at, kind, mask: 1 });
      const { error } = await world.upload(kind);
      lab.proxy.clear();
      if (error === undefined) {
        model.committed = [model.source];
        model.isRotten = false;
        return;
      }
      note(model, 'upload cut');
      model.committed.push(model.source);
    },
    ({ isRotten }) => !isRotten,
  );
}

/** The source changes when byte `at` goes by: no mixture of both becomes a version. */
function uploadOfChangingSource(where: number, edit: Edit): Command {
  return command(
    `upload, source changes at ${where}: ${JSON.stringify(edit)}`,
    async (model, world) => {
      let changed: Buffer | undefined;
      const action = (): void => {
        changed = edited(world, model.source, edit);
        writeFileSync(world.source, changed);
      };
      const at = positionIn(model.source, where);
      lab.proxy.inject({ direction: 'up', at, kind: 'run', action });
      const { error } = await world.upload();
      lab.proxy.clear();
      if (error === undefined) {
        // All had been read, and compared, before.
        model.committed = [model.source];
      } else {
        requireCode(error, 'source_changed');
        note(model, 'source changed');
      }
      model.source = changed ?? model.source;
    },
    ({ isRotten, source }) => !isRotten && source.length + edit.length <= SIZE_MAX,
  );
}

function replacedByAnother(size: number): Command {
  return command(
    `another client writes ${size} bytes`,
    async (model, world) => {
      const bytes = world.fresh(size);
      const source = lab.newPath();
      writeFileSync(source, bytes);
      await uploadFile(lab.direct, { source, path: world.path });
      model.committed = [bytes];
    },
    ({ isRotten }) => !isRotten,
  );
}

/** Somebody else commits in the middle of an upload, which is told so and changes nothing. */
function uploadOvertaken(where: number, size: number): Command {
  return command(
    `upload, overtaken at ${where} by ${size} bytes`,
    async (model, world) => {
      const bytes = world.fresh(size);
      const source = lab.newPath();
      writeFileSync(source, bytes);
      let isOvertaken = false;
      const action = async (): Promise<void> => {
        await uploadFile(lab.direct, { source, path: world.path });
        isOvertaken = true;
      };
      const at = positionIn(model.source, where);
      lab.proxy.inject({ direction: 'up', at, kind: 'run', action });
      const { error } = await world.upload();
      lab.proxy.clear();
      if (error !== undefined) {
        requireCode(error, 'changed');
        note(model, 'overtaken');
      }
      // Without an error either may have been the second.
      if (isOvertaken) model.committed = error === undefined ? [bytes, model.source] : [bytes];
      else model.committed = [model.source];
    },
    ({ isRotten }) => !isRotten,
  );
}

// ── The server ────────────────────────────────────────────────────────────────────────────────

function restartServer(): Command {
  return command(
    'kill and start the server',
    async (model) => {
      await lab.bounceServer();
      note(model, 'restarted');
    },
    ({ isRotten }) => !isRotten,
  );
}

/** Flips a bit of the file's first chunk in the server's store. */
function rot(): Command {
  return command(
    'a chunk rots',
    async (model, world) => {
      const [bytes] = model.committed;
      assert(bytes !== undefined);
      model.isRotten = flipStored(bytes.subarray(0, 64)) > 0;
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
function flipStored(start: Buffer): number {
  const directory = join(lab.server.dataDirectory, 'store/segments');
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

// ── Downloads ─────────────────────────────────────────────────────────────────────────────────

function isThere({ committed, isRotten }: Model): boolean {
  return !isRotten && committed.every((version) => version !== undefined);
}

function downloadToTheEnd(recheck: boolean): Command {
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

function downloadCut(kind: 'cut' | 'stall' | 'corrupt', where: number): Command {
  return command(
    `download, ${kind} at ${where}`,
    async (model, world) => {
      const at = positionIn(model.committed[0], where);
      lab.proxy.inject({ direction: 'down', at, kind, mask: 1 });
      const { error } = await world.download({ fault: kind });
      lab.proxy.clear();
      if (error === undefined) [model.target] = model.committed;
      else note(model, 'download cut');
    },
    isThere,
  );
}

/** The file is replaced in the middle of a download, which gives the old or the new one whole. */
function downloadOvertaken(where: number, size: number): Command {
  return command(
    `download, overtaken at ${where} by ${size} bytes`,
    async (model, world) => {
      const bytes = world.fresh(size);
      const source = lab.newPath();
      writeFileSync(source, bytes);
      let isOvertaken = false;
      const action = async (): Promise<void> => {
        await uploadFile(lab.direct, { source, path: world.path });
        isOvertaken = true;
      };
      const at = positionIn(model.committed[0], where);
      lab.proxy.inject({ direction: 'down', at, kind: 'run', action });
      const { error } = await world.download();
      lab.proxy.clear();
      if (error !== undefined) throw error;
      const target = world.readTarget();
      const [old] = model.committed;
      assert(equals(target, old) || (isOvertaken && equals(target, bytes)));
      model.target = target;
      if (isOvertaken) model.committed = [bytes];
      if (isOvertaken) note(model, 'replaced while downloading');
    },
    isThere,
  );
}

function editTarget(size: number | undefined): Command {
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
function damageLeftovers(at: number): Command {
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

const fraction = fc.integer({ min: 0, max: 999 }).map((thousandths) => thousandths / 1000);
const size = fc.oneof(
  fc.constantFrom(0, 1, 256 * KIB - 1, 256 * KIB, 256 * KIB + 1, 1024 * KIB),
  fc.integer({ min: 0, max: 1500 * KIB }),
);
const edit = fc.record({
  kind: fc.constantFrom('append', 'insert', 'overwrite', 'truncate', 'rewrite'),
  at: fraction,
  length: size,
});
const cut = fc.constantFrom('cut', 'cut', 'corrupt', 'stall');

const commands = [
  edit.map(editSource),
  edit.map(editSource),
  fc.constant(null).map(uploadToTheEnd),
  fc.tuple(cut, fraction).map(([kind, where]) => uploadCut(kind, where)),
  fc.tuple(cut, fraction).map(([kind, where]) => uploadCut(kind, where)),
  fc.tuple(fraction, edit).map(([where, change]) => uploadOfChangingSource(where, change)),
  size.map(replacedByAnother),
  fc.tuple(fraction, size).map(([where, bytes]) => uploadOvertaken(where, bytes)),
  fc.constant(null).map(restartServer),
  fc.constant(null).map(rot),
  fc.boolean().map(downloadToTheEnd),
  fc.tuple(cut, fraction).map(([kind, where]) => downloadCut(kind, where)),
  fc.tuple(cut, fraction).map(([kind, where]) => downloadCut(kind, where)),
  fc.tuple(fraction, size).map(([where, bytes]) => downloadOvertaken(where, bytes)),
  fc.option(size, { nil: undefined }).map(editTarget),
  fraction.map(damageLeftovers),
];

async function runModel(
  volume: string,
  steps: Iterable<Command>,
  seen: Map<string, number>,
): Promise<void> {
  const world = new World(volume);
  const source = world.fresh(700 * KIB);
  writeFileSync(world.source, source);
  const model: Model = { source, committed: [undefined], target: undefined, isRotten: false, seen };
  await fc.asyncModelRun(() => ({ model, real: world }), steps);
  // However it ended: the same commands again bring everything to its end.
  for (const last of [uploadToTheEnd(), downloadToTheEnd(true)]) await last.run(model, world);
  assert.equal((await stat(lab.direct, world.path)).size, model.source.length);
}

for (const chunking of ['fixed', 'cdc'] as const) {
  test(`whatever happens to a transfer (${chunking}), what is there is whole, and the same again ends it`, async (t) => {
    const volume = await lab.newVolume(chunking);
    const seen = new Map<string, number>();
    await fc.assert(
      fc.asyncProperty(
        fc.commands(commands, { size: 'max', maxCommands: COMMANDS_MAX }),
        async (steps) => {
          lab.proxy.clear();
          await runModel(volume, steps, seen);
        },
      ),
      { numRuns: RUNS, seed: SEED, endOnFailure: RUNS < 50 },
    );
    t.diagnostic(JSON.stringify(Object.fromEntries(seen)));
    for (const what of ['uploaded', 'upload cut', 'source changed', 'downloaded', 'download cut']) {
      assert(seen.has(what), `nothing was ${what}`);
    }
  });
}
