import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../../src/base/digest.ts';
import { GdpfsError, isGdpfsError } from '../../src/base/errors.ts';
import { EMPTY_STATE_ROOT } from '../../src/format/state-node.ts';
import type { StoredChunk } from '../../src/log/engine.ts';
import type { Fold } from '../../src/log/fold.ts';
import { fsckStore } from '../../src/log/fsck.ts';
import { KeyStore } from '../../src/log/key-store.ts';
import { type OpenedLog, openLog } from '../../src/log/open.ts';
import { FaultDisk } from './fault-disk.ts';
import { copyIndex, type IndexCopy, placeIndex } from './index-copy.ts';
import { newLog } from './log-fixture.ts';
import { Random } from './random.ts';
import { Scratch } from './scratch.ts';

/** What many runs did together. */
export interface SweepTotals {
  freed: number;
  /** Sweeps that the machine's end has cut off, and those that came to their end before. */
  interrupted: number;
  finished: number;
  /** Chunks that were wanted again while they were swept: stored again, or just in time. */
  storedAgain: number;
  keptInTime: number;
  refused: number;
  lossyPowerLosses: number;
  index: { deleted: number; older: number; cut: number; current: number };
}

const LIMITS = {
  segmentBytesMax: 60_000,
  segmentEntriesMax: 40,
  segmentQueueBytesMax: 80_000,
  paddedFrameBytesMin: 9000,
};
const WAITING = { waitingRowsMax: 12, waitingRowsAtOnce: 5 };
const CHUNKS = 48;
const USERS = 2;
const STEPS = 6;
const ROUNDS = 3;
/** What a crash leaves of the index. */
const CHOICES = ['deleted', 'older', 'cut', 'current'] as const;

/** Says nothing of its records: what is looked at here is chunks. */
const FOLD: Fold = {
  apply: () => undefined,
  mark: () => 0,
  rollback: () => undefined,
  settle: () => undefined,
  stateRoot: () => EMPTY_STATE_ROOT,
};

/**
 * The life of one store under one seed: a sweep, users who want some of its chunks again in that moment,
 * and the end of the machine somewhere. Whatever is left of disk and index, all that is kept must be there.
 */
export class SweepRun implements Disposable {
  readonly #random: Random;
  readonly #totals: SweepTotals;
  readonly #scratch = new Scratch();
  readonly #keys: KeyStore;
  /** All that were ever stored. */
  readonly #all: StoredChunk[] = [];
  /** Those that may not be freed any more. */
  readonly #kept = new Set<StoredChunk>();
  readonly #copies: IndexCopy[] = [];
  #disk: FaultDisk;
  readonly #seed: number;
  #boot = 0;
  #id = 0;
  #log: Uint8Array = new Uint8Array(0);

  constructor(seed: number, totals: SweepTotals) {
    this.#random = new Random(seed);
    this.#totals = totals;
    this.#seed = seed;
    this.#disk = new FaultDisk({ seed });
    this.#keys = new KeyStore(join(this.#scratch.path, 'keys'));
  }

  [Symbol.dispose](): void {
    this.#scratch[Symbol.dispose]();
  }

  async run(): Promise<void> {
    let opened = await this.#open();
    await this.#fill(opened);
    for (let round = 1; round <= ROUNDS; round++) {
      const isLast = round === ROUNDS;
      if (!isLast) this.#disk.stopAfter(this.#random.integer(1, 150), () => this.#saveIndex());
      await Promise.all([
        this.#sweep(opened),
        ...Array.from({ length: USERS }, async () => this.#use(opened)),
      ]);
      this.#disk.stop();
      await opened[Symbol.asyncDispose]();
      this.#crash();
      opened = await this.#open();
      await this.#check(opened);
    }
    await opened[Symbol.asyncDispose]();
    await this.#checkAll();
  }

  get #directory(): string {
    return join(this.#scratch.path, `store-${this.#boot}`);
  }

  async #open(rebuild = false): Promise<OpenedLog> {
    return await openLog({
      directory: this.#directory,
      signer: this.#keys,
      clock: { now: () => 1_800_000_000_000 },
      fold: FOLD,
      schema: '',
      disk: this.#disk,
      segmentLimits: LIMITS,
      waitingLimits: WAITING,
      rebuild,
      warn: (message) => assert.match(message, /never acknowledged/),
    });
  }

  // ── Work ────────────────────────────────────────────────────────────────────────────────────

  async #fill({ engine }: OpenedLog): Promise<void> {
    const { state, records } = newLog(this.#keys);
    this.#log = state.name;
    this.#id = await engine.run((transaction) => transaction.createLog(state, records));
    while (this.#all.length < CHUNKS) {
      const chunks = Array.from({ length: this.#random.integer(1, 5) }, () => {
        const data = this.#random.bytes(this.#random.integer(500, 14_000));
        return { digest: sha256(data), data };
      });
      await engine.appendChunks(this.#log, chunks);
      // Some twice: only one of the copies is read.
      if (this.#random.chance(0.2)) await engine.appendChunks(this.#log, chunks.slice(0, 1));
      await this.#commit(engine, chunks);
      this.#all.push(...chunks);
      if (this.#random.chance(0.2)) this.#saveIndex();
    }
    for (const chunk of this.#all) if (this.#random.chance(0.4)) this.#kept.add(chunk);
  }

  async #sweep({ engine }: OpenedLog): Promise<void> {
    try {
      const sweep = await engine.beginSweep();
      for (const { digest } of this.#kept) sweep.kept.add(this.#id, digest);
      const { chunks } = await sweep.free({ spared: new Set(), dryRun: false });
      sweep.end();
      this.#totals.freed += chunks;
      this.#totals.finished += 1;
    } catch (error) {
      if (!this.#disk.isStopped) throw error;
      this.#totals.interrupted += 1;
    }
  }

  /** Wants chunks again that may be on their way out. */
  async #use({ engine }: OpenedLog): Promise<void> {
    for (let count = 0; count < STEPS && !this.#disk.isStopped; count++) {
      const chunk = this.#random.pick(this.#all) ?? assert.fail();
      for (let turns = this.#random.integer(0, 12); turns > 0; turns--) {
        await new Promise((resolve) => setImmediate(resolve));
      }
      try {
        const isThere = engine.chunks.lookUp(this.#id, chunk.digest) !== undefined;
        if (!isThere) await engine.appendChunks(this.#log, [chunk]);
        for (let turns = this.#random.integer(0, 6); turns > 0; turns--) {
          await new Promise((resolve) => setImmediate(resolve));
        }
        await this.#commit(engine, [chunk]);
        if (this.#disk.isStopped) return;
        if (!this.#kept.has(chunk)) this.#totals[isThere ? 'keptInTime' : 'storedAgain'] += 1;
        this.#kept.add(chunk);
      } catch (error) {
        if (this.#disk.isStopped) return;
        if (!isGdpfsError(error, 'chunk_missing')) throw error;
        this.#totals.refused += 1;
      }
    }
  }

  async #commit(engine: OpenedLog['engine'], chunks: readonly StoredChunk[]): Promise<void> {
    await engine.run((transaction) => {
      for (const { digest, data } of chunks) {
        if (engine.chunks.dataLength(this.#id, digest) !== data.length) {
          throw new GdpfsError('chunk_missing', 'it is gone');
        }
        transaction.useChunk(this.#id, digest);
      }
      transaction.append(this.#id, { case: 'dentry', value: { name: 'file' } });
    });
  }

  // ── Crash ───────────────────────────────────────────────────────────────────────────────────

  #saveIndex(): void {
    this.#copies.push(copyIndex(this.#directory));
  }

  #crash(): void {
    const { disk, report } = this.#disk.crash();
    this.#disk = disk;
    if (report.lostSectors + report.lostNames > 0) this.#totals.lossyPowerLosses += 1;
    this.#boot += 1;
    mkdirSync(this.#directory);
    const choice = CHOICES[(this.#seed + this.#boot) % CHOICES.length] ?? assert.fail();
    this.#totals.index[choice] += 1;
    if (choice === 'deleted') return;
    const copy = choice === 'older' ? this.#random.pick(this.#copies) : this.#copies.at(-1);
    const kept = new Map(copy);
    const log = kept.get('-wal');
    // A power loss takes the end of what was not synced.
    if (choice === 'cut' && log !== undefined) {
      kept.set('-wal', log.subarray(0, this.#random.integer(0, log.length)));
    }
    placeIndex(this.#directory, kept);
  }

  // ── Check ───────────────────────────────────────────────────────────────────────────────────

  async #check({ engine, damageCount, reader }: OpenedLog): Promise<void> {
    assert.equal(damageCount, 0, 'damage in a sound store');
    for (const chunk of this.#all) {
      const { digest, data } = chunk;
      if (engine.chunks.row(this.#id, digest)?.location === undefined) {
        assert(!this.#kept.has(chunk), 'a chunk that is kept is gone');
        continue;
      }
      const named = { offset: 0, length: data.length, checksum: 0, digest };
      const found = await engine.chunkReader.read(this.#id, named, { check: 'length' });
      assert.deepEqual(found, data, 'the index believes in a chunk that was freed');
    }
    const lost = reader.prepare('SELECT count(*) AS count FROM chunk WHERE length < 0').get();
    assert.equal(lost?.['count'], 0, 'the index knows of chunks that are not there');
  }

  /** Bytes, tables, and what an index says that is made of them. */
  async #checkAll(): Promise<void> {
    const { problems } = await fsckStore({ directory: this.#directory, disk: this.#disk });
    const ofFrames = problems.filter(({ what }) => !/cannot apply dentry/.test(what));
    assert.deepEqual(ofFrames, []);
    let opened = await this.#open();
    const places = this.#places(opened);
    await opened[Symbol.asyncDispose]();
    opened = await this.#open(true);
    assert.deepEqual(this.#places(opened), places, 'a rebuilt index says something else');
    await this.#check(opened);
    await opened[Symbol.asyncDispose]();
    assert.equal(this.#disk.openFiles, 0, 'files were left open');
  }

  #places({ engine }: OpenedLog): unknown[] {
    return [...this.#kept].map(({ digest }) => engine.chunks.find(this.#id, digest));
  }
}
