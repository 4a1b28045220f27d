import assert from 'node:assert/strict';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { utf8Encode } from '../../src/base/bytes.ts';
import { sha256 } from '../../src/base/digest.ts';
import { isGdpfsError } from '../../src/base/errors.ts';
import { Role } from '../../src/format/generated/gdpfs_pb.js';
import { type OpenedFileSystem, openFileSystem } from '../../src/fs/open.ts';
import type { ChangeContext, ChangeResult } from '../../src/fs/types.ts';
import { fsckStore } from '../../src/log/fsck.ts';
import type { CrashOptions, CrashTotals, Volume, Worker } from './crash-world.ts';
import { FaultDisk } from './fault-disk.ts';
import { copyIndex, type IndexCopy, placeIndex } from './index-copy.ts';
import { Random } from './random.ts';
import { Scratch } from './scratch.ts';
import { checkHistory, describeStore } from './store-checks.ts';
import { below, describeTree, randomStep, readTree, sameTree } from './workload.ts';

const AUTHOR = 'alice';
const LIMITS = {
  segmentBytesMax: 32_200,
  segmentEntriesMax: 60,
  segmentQueueBytesMax: 16_000,
  paddedFrameBytesMin: 800,
};
/** A few rows that wait for the index leave it behind what is durable. */
const WAITING = { waitingRowsMax: 12, waitingRowsAtOnce: 5 };
const WORKERS = 5;
const VOLUMES = 2;
const ROUNDS = 3;
const STEPS_MAX = 40;

/**
 * The life of one store under one seed: it works until the machine stops somewhere, is opened again
 * from what survived, must hold all that it has acknowledged, and goes on.
 */
export class CrashRun implements Disposable {
  readonly #isFreeing: boolean;
  readonly #random: Random;
  readonly #totals: CrashTotals;
  readonly #scratch = new Scratch();
  readonly #volumes: Volume[] = [];
  readonly #principals = new Set<string>();
  /** Volumes and principals whose making nobody heard of. */
  readonly #unknown = new Set<string>();
  readonly #workers: Worker[];
  readonly #copies: IndexCopy[] = [];
  #disk: FaultDisk;
  #boot = 0;
  #nextRequest = 0;
  #timeMs = 1_800_000_000_000;

  constructor(options: CrashOptions, totals: CrashTotals) {
    this.#isFreeing = options.isFreeing === true;
    this.#random = new Random(options.seed);
    this.#totals = totals;
    this.#disk = new FaultDisk(options);
    this.#workers = Array.from({ length: WORKERS }, (_, index) => ({
      volume: index % VOLUMES,
      folder: `w${index}`,
      tree: new Map(),
      last: undefined,
      inFlight: undefined,
    }));
    mkdirSync(join(this.#scratch.path, 'keys-0'));
  }

  [Symbol.dispose](): void {
    this.#scratch[Symbol.dispose]();
  }

  async run(): Promise<void> {
    let store = await this.#open();
    for (let round = 1; ; round++) {
      this.#totals.rounds += 1;
      await this.#work(store);
      await store[Symbol.asyncDispose]();
      this.#crash();
      await this.#stopInRecovery();
      store = await this.#open();
      await this.#check(store);
      if (round === ROUNDS) break;
    }
    if (this.#isFreeing) await this.#freeAll(store);
    const state = describeStore(store, this.#principals);
    await store[Symbol.asyncDispose]();
    await this.#fsck();
    store = await this.#open(true);
    assert.equal(
      describeStore(store, this.#principals),
      state,
      'a rebuilt index says something else',
    );
    await store[Symbol.asyncDispose]();
  }

  get #directory(): string {
    return join(this.#scratch.path, `store-${this.#boot}`);
  }

  get #keysDirectory(): string {
    return join(this.#scratch.path, `keys-${this.#boot}`);
  }

  async #open(rebuild = false): Promise<OpenedFileSystem> {
    return await openFileSystem({
      directory: this.#directory,
      keysDirectory: this.#keysDirectory,
      disk: this.#disk,
      segmentLimits: LIMITS,
      waitingLimits: WAITING,
      rebuild,
      clock: { now: () => this.#timeMs++ },
      warn: (message) => {
        if (message.includes('never acknowledged')) this.#totals.tornTails += 1;
        else assert.fail(`a sound store was complained about: ${message}`);
      },
    });
  }

  async #work(store: OpenedFileSystem): Promise<void> {
    await this.#createVolumes(store);
    this.#disk.stopAfter(this.#random.integer(5, 250), () => {
      this.#saveState();
    });
    if (this.#random.chance(0.2)) {
      this.#disk.failNext('sync', { code: 'local_io', effect: 'none' });
      this.#totals.failedSyncs += 1;
    }
    await Promise.all([
      ...this.#workers.map(async (worker) => {
        await this.#workOn(store, worker);
      }),
      this.#workOnSystem(store),
      ...(this.#isFreeing ? [this.#free(store)] : []),
    ]);
    this.#disk.stop();
  }

  async #createVolumes(store: OpenedFileSystem): Promise<void> {
    while (this.#volumes.length < VOLUMES) await this.#createVolume(store);
    for (const worker of this.#workers) {
      const path = worker.folder;
      const { name } = this.#volume(worker);
      await store.fs.apply(name, { kind: 'mkdir', path, parents: true }, { author: AUTHOR });
    }
  }

  async #createVolume(store: OpenedFileSystem): Promise<void> {
    const alias = `v${this.#nextRequest++}`;
    this.#unknown.add(alias);
    const options = { alias, owner: AUTHOR, chunking: 'fixed' } as const;
    const { name } = await store.fs.createVolume(options, { author: AUTHOR });
    if (this.#disk.isStopped) return;
    this.#unknown.delete(alias);
    this.#volumes.push({ alias, name, chunks: [], checkpoints: new Map() });
    if (!this.#isFreeing) return;
    await store.policies.change(name, { kind: 'history', days: 0 }, { author: AUTHOR });
  }

  /** Frees, while others change something, until the machine stops. */
  async #free({ collection }: OpenedFileSystem): Promise<void> {
    for (let count = 0; count < STEPS_MAX && !this.#disk.isStopped; count++) {
      try {
        const { chunks } = await collection.run({ dryRun: false, unattended: false });
        this.#totals.freedChunks += chunks;
      } catch (error) {
        if (!isGdpfsError(error, 'no_space')) return;
      }
      for (let turns = this.#random.integer(5, 60); turns > 0; turns--) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
  }

  /** What nobody needs any more; then all else is there. */
  async #freeAll(store: OpenedFileSystem): Promise<void> {
    const { chunks } = await store.collection.run({ dryRun: false, unattended: false });
    this.#totals.freedChunks += chunks;
    for (const worker of this.#workers) await this.#checkWorker(store, worker);
  }

  async #workOn(store: OpenedFileSystem, worker: Worker): Promise<void> {
    for (let count = 0; count < STEPS_MAX && !this.#disk.isStopped; count++) {
      const step = randomStep(this.#random, worker.tree);
      const context = this.#context();
      worker.inFlight = { step, context };
      if (this.#random.chance(0.02)) {
        this.#disk.failNext('grow', { code: 'no_space', effect: 'half' });
      }
      try {
        const result = await this.#apply(store, worker, worker.inFlight);
        // An answer that comes after the end is one that nobody heard.
        if (this.#disk.isStopped) return;
        this.#acknowledge(worker, result);
      } catch (error) {
        if (!isGdpfsError(error, 'no_space')) return;
        this.#totals.refusedForSpace += 1;
        worker.inFlight = undefined;
      }
      this.#observe(store, this.#volume(worker));
    }
  }

  async #apply(
    store: OpenedFileSystem,
    worker: Worker,
    { step, context }: NonNullable<Worker['inFlight']>,
  ): Promise<ChangeResult> {
    const { name, chunks } = this.#volume(worker);
    const puts = step.chunks.map(async (data) => {
      const digest = sha256(data);
      await store.fs.putChunk(name, { digest }, data);
      if (!this.#disk.isStopped) chunks.push(digest);
    });
    for (const put of await Promise.allSettled(puts)) {
      if (put.status === 'rejected') throw put.reason;
    }
    const { change } = step;
    if (change.kind === 'truncate') {
      return await store.fs.truncate(
        name,
        { path: `${worker.folder}/${change.path}`, size: change.size },
        context,
      );
    }
    return await store.fs.apply(name, below(worker.folder, change), context);
  }

  #acknowledge(worker: Worker, result: ChangeResult): void {
    const { inFlight } = worker;
    assert(inFlight);
    const { step, context } = inFlight;
    const { change } = step;
    // What changed nothing is in no commit, and so is its answer.
    const isKept = result.count > 0 && context.request !== undefined;
    const canRepeat = isKept && change.kind !== 'truncate';
    if (canRepeat) worker.last = { change: below(worker.folder, change), context, result };
    worker.tree = step.after;
    worker.inFlight = undefined;
    this.#totals.acknowledged += 1;
  }

  /** What anyone might see and keep: the newest checkpoint; and the index, for later. */
  #observe(store: OpenedFileSystem, volume: Volume): void {
    if (this.#disk.isStopped) return;
    volume.checkpoints.set(
      store.fs.resolveVolume(volume.alias).count,
      store.fs.checkpoint(volume.name),
    );
    if (this.#random.chance(0.02)) this.#copies.push(copyIndex(this.#directory));
  }

  async #workOnSystem(store: OpenedFileSystem): Promise<void> {
    for (let count = 0; count < STEPS_MAX && !this.#disk.isStopped; count++) {
      const name = `p${this.#nextRequest++}`;
      try {
        if (this.#random.chance(0.1)) {
          await this.#createVolume(store);
          continue;
        }
        this.#unknown.add(name);
        const value = { name, role: Role.USER, createdMs: 1n };
        await store.system.change(() => ({
          records: [{ body: { case: 'principal', value } }],
          result: name,
        }));
      } catch (error) {
        if (isGdpfsError(error, 'no_space')) continue;
        return;
      }
      if (this.#disk.isStopped) return;
      this.#unknown.delete(name);
      this.#principals.add(name);
    }
  }

  #context(): ChangeContext {
    if (this.#random.chance(0.5)) return { author: AUTHOR };
    const id = `r${this.#nextRequest++}`;
    return { author: AUTHOR, request: { id, fingerprint: sha256(utf8Encode(id)) } };
  }

  #volume(worker: Worker): Volume {
    const volume = this.#volumes[worker.volume];
    assert(volume);
    return volume;
  }

  /** At the very moment of the crash: what is in the folders of the index and the keys. */
  #saveState(): void {
    this.#copies.push(copyIndex(this.#directory));
    cpSync(this.#keysDirectory, join(this.#scratch.path, `keys-${this.#boot + 1}`), {
      recursive: true,
    });
  }

  #crash(): void {
    const current = this.#copies.at(-1);
    assert(current);
    this.#boot += 1;
    mkdirSync(this.#directory);
    if (this.#random.chance(0.2)) {
      this.#totals.kills += 1;
      this.#disk = this.#disk.restart();
      placeIndex(this.#directory, current);
      return;
    }
    const { disk, report } = this.#disk.crash();
    this.#disk = disk;
    this.#totals.powerLosses += 1;
    if (report.lostSectors + report.lostNames > 0) this.#totals.lossyPowerLosses += 1;
    const { index } = this.#totals;
    const choice = this.#random.pick(['deleted', 'older', 'current'] as const);
    index[choice] += 1;
    if (choice === 'current') placeIndex(this.#directory, current);
    if (choice === 'older') placeIndex(this.#directory, this.#random.pick(this.#copies) ?? current);
  }

  /** Starts, but does not get to the end. */
  async #stopInRecovery(): Promise<void> {
    if (this.#random.chance(0.6)) return;
    let hasStopped = false;
    this.#disk.stopAfter(this.#random.integer(1, 30), () => {
      hasStopped = true;
      this.#saveState();
    });
    try {
      await (await this.#open())[Symbol.asyncDispose]();
    } catch (error) {
      if (!hasStopped) throw error;
    }
    this.#disk.stop();
    this.#totals.stopsInRecovery += 1;
    this.#crash();
  }

  async #check(store: OpenedFileSystem): Promise<void> {
    assert.equal(store.damageCount, 0, 'damage in a sound store');
    for (const worker of this.#workers) await this.#checkWorker(store, worker);
    for (const volume of this.#volumes) await this.#checkVolume(store, volume);
    for (const name of this.#principals) {
      assert(store.system.view.principal(name), `principal ${name} was acknowledged and is gone`);
    }
    const aliases = store.fs.listVolumes().map(({ alias }) => alias);
    const known = this.#volumes.map(({ alias }) => alias);
    for (const alias of known) assert(aliases.includes(alias), `volume ${alias} is gone`);
    for (const alias of aliases) {
      assert(known.includes(alias) || this.#unknown.has(alias), `volume ${alias} was never made`);
    }
    this.#totals.sealedSegments += (await this.#disk.list('segments')).filter((name) =>
      name.endsWith('.seg'),
    ).length;
  }

  async #checkWorker(store: OpenedFileSystem, worker: Worker): Promise<void> {
    const { name } = this.#volume(worker);
    const { inFlight, folder, last } = worker;
    const found = await readTree(store.fs, name, folder);
    const isDone = inFlight !== undefined && sameTree(found, inFlight.step.after);
    assert(
      isDone || sameTree(found, worker.tree),
      `${folder}: acknowledged {${describeTree(worker.tree)}}, found {${describeTree(found)}}`,
    );
    worker.tree = found;
    worker.inFlight = undefined;
    if (last !== undefined) {
      const again = await store.fs.apply(name, last.change, last.context);
      assert.deepEqual(again, last.result, 'a repeated request got another answer');
    }
    if (inFlight === undefined) return;
    this.#totals.interrupted += 1;
    if (isDone) this.#totals.foundDone += 1;
    if (inFlight.context.request === undefined || inFlight.step.change.kind === 'truncate') return;
    // Whoever heard no answer asks again: done or not, now it is, and only once.
    worker.inFlight = inFlight;
    this.#acknowledge(worker, await this.#apply(store, worker, inFlight));
    const afterwards = await readTree(store.fs, name, folder);
    assert(sameTree(afterwards, inFlight.step.after), `${folder}: a repeated request went wrong`);
  }

  async #checkVolume(store: OpenedFileSystem, volume: Volume): Promise<void> {
    const { name } = volume;
    await checkHistory(store, name, volume.checkpoints);
    // They may be those of states that are past.
    if (this.#isFreeing) return;
    assert.equal(
      (await store.fs.missing(name, volume.chunks, { principal: 'alice', readsAll: true })).length,
      0,
      'an acknowledged chunk is gone',
    );
  }

  async #fsck(): Promise<void> {
    const { problems } = await fsckStore({ directory: this.#directory, disk: this.#disk });
    assert.deepEqual(problems, []);
  }
}
