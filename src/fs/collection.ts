import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { LogKind } from '../format/generated/gdpfs_pb.js';
import type { SystemRecordInit } from '../format/record-encoder.ts';
import type { LogEngine } from '../log/engine.ts';
import type { KeptFilter } from '../log/kept-filter.ts';
import type { SweepProgress, SweepResult } from '../log/sweep.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import { KeptChunks } from './kept-chunks.ts';
import { keptStates, oldestNeeded } from './kept-states.ts';
import { Pace } from './pace.ts';
import { SeenTime } from './seen-time.ts';
import type { System } from './system.ts';
import type { Uploads } from './uploads.ts';

export interface CollectionOptions {
  /** Changes nothing, and says what it would free. */
  readonly dryRun: boolean;
  /**
   * Nobody watches it: then states of the last `gcGraceMs` are kept whatever a policy says, for those who are
   * reading them, and the clock is not believed when it leaps.
   */
  readonly unattended: boolean;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: CollectionProgress) => void;
}

export type CollectionProgress =
  /** Versions of files that some kept state names. */
  | { readonly phase: 'mark'; readonly files: number }
  | ({ readonly phase: 'sweep' } & SweepProgress);

/** A volume of which nothing was freed. */
export interface SparedVolume {
  /** Index id. */
  readonly id: number;
  readonly name: Uint8Array;
  readonly reason: string;
}

export interface CollectionReport extends SweepResult {
  readonly dryRun: boolean;
  /** Volumes that keep fewer states than before. */
  readonly trimmed: number;
  /** Unfinished uploads that had become too old. */
  readonly uploads: number;
  /** Versions of files that some kept state names. */
  readonly files: number;
  readonly spared: readonly SparedVolume[];
}

/**
 * Frees what no kept state names: what may be trimmed is trimmed first, durably; then all that is kept is
 * marked, and the rest is swept. It may end at any moment, and the next one goes on.
 */
export class Collection {
  readonly #engine: LogEngine;
  readonly #system: System;
  readonly #uploads: Uploads;
  readonly #clock: Clock;
  readonly #reader: DatabaseSync;
  readonly #seen: SeenTime;

  constructor(parts: {
    readonly engine: LogEngine;
    readonly system: System;
    readonly uploads: Uploads;
    readonly clock: Clock;
    readonly reader: DatabaseSync;
  }) {
    this.#engine = parts.engine;
    this.#system = parts.system;
    this.#uploads = parts.uploads;
    this.#clock = parts.clock;
    this.#reader = parts.reader;
    this.#seen = new SeenTime(parts.clock, newestMs(parts.engine));
  }

  /**
   * Throws `busy` if another one is under way, `read_only` if the system log is damaged, `no_space` if there
   * is no room to write any segment anew, and the reason of the signal.
   */
  async run(options: CollectionOptions): Promise<CollectionReport> {
    const { dryRun, signal } = options;
    this.#requireSystem();
    const uploads = dryRun ? 0 : await this.#uploads.dropExpired();
    const when = this.#when(options);
    const due = await this.#due(when, signal);
    if (!dryRun) await this.#trim(due, when);
    const sweep = await this.#engine.beginSweep();
    try {
      const planned = new Map([...due].map(([{ id }, seq]) => [id, seq]));
      const { files, spared } = await this.note(sweep.kept, options, dryRun ? planned : undefined);
      const result = await sweep.free({
        spared: new Set(spared.map(({ id }) => id)),
        dryRun,
        progress: (done) => options.onProgress?.({ phase: 'sweep', ...done }),
        ...(signal === undefined ? {} : { signal }),
      });
      return { ...result, dryRun, trimmed: due.size, uploads, files, spared };
    } finally {
      sweep.end();
    }
  }

  /**
   * Notes every chunk that is to be kept, but for those that come meanwhile. `planned`: trim points by index
   * id of volumes, where they are to be other than they are.
   */
  async note(
    kept: Pick<KeptFilter, 'add'>,
    { signal, onProgress }: Pick<CollectionOptions, 'signal' | 'onProgress'> = {},
    planned: ReadonlyMap<number, number> = new Map(),
  ): Promise<{ readonly files: number; readonly spared: readonly SparedVolume[] }> {
    const pace = new Pace(signal);
    const chunks = new KeptChunks({ engine: this.#engine, reader: this.#reader, kept, pace });
    const spared: SparedVolume[] = [];
    let files = 0;
    const onFiles = (count: number): void => {
      files += count;
      onProgress?.({ phase: 'mark', files });
    };
    for (const row of this.#volumes()) {
      const { id, name, damage } = row;
      const states = keptStates(row, this.#system.view);
      try {
        if (damage !== undefined) throw new GdpfsError('corrupt', damage);
        const trimSeq = planned.get(id) ?? states.trimSeq;
        await chunks.note(id, { ...states, trimSeq }, onFiles);
      } catch (error) {
        // In doubt nothing goes.
        if (!isGdpfsError(error, 'corrupt')) throw error;
        spared.push({ id, name, reason: error.message });
      }
    }
    for (const page of this.#uploads.pinned()) {
      for (const { volume, digest } of page) kept.add(volume, digest);
      await pace.rest();
    }
    return { files, spared };
  }

  /** What it says of aliases, removals and trim points decides about everything. */
  #requireSystem(): void {
    const damage = this.#engine.volumes.all(LogKind.SYSTEM).find((row) => row.damage)?.damage;
    if (damage === undefined) return;
    throw new GdpfsError('read_only', `cannot free space: the system log is damaged: ${damage}`, {
      hint: 'run `gdpfs fsck --data DIR` on the server to see what is damaged',
    });
  }

  /** Volumes that need not keep what they keep, with the oldest state that they need. */
  async #due(when: When, signal: AbortSignal | undefined): Promise<Map<VolumeRow, number>> {
    const pace = new Pace(signal);
    const due = new Map<VolumeRow, number>();
    for (const row of this.#volumes()) {
      await pace.rest();
      if (row.damage !== undefined) continue;
      const seq = oldestNeeded(this.#engine, row, when);
      if (seq > this.#system.view.trimSeq(row.name)) due.set(row, seq);
    }
    return due;
  }

  #when({ unattended }: CollectionOptions): When {
    return unattended
      ? { nowMs: this.#seen.now(), graceMs: LIMITS.gcGraceMs }
      : { nowMs: this.#clock.now(), graceMs: 0 };
  }

  /** Those that are served. */
  #volumes(): VolumeRow[] {
    const all = this.#engine.volumes.all(LogKind.DIRECTORY);
    return all.filter(({ name }) => !this.#system.view.isRemovedVolume(name));
  }

  /** By the policies that are in force by then: they may have become longer. */
  async #trim(due: ReadonlyMap<VolumeRow, number>, when: When): Promise<void> {
    const timeMs = BigInt(this.#clock.now());
    const names = [...due.keys()].map(({ name }) => name);
    for (let start = 0; start < names.length; start += LIMITS.gcPageRows) {
      const some = names.slice(start, start + LIMITS.gcPageRows);
      const plan = (): { records: SystemRecordInit[]; result: undefined } => ({
        records: some.flatMap((name) => {
          const row = this.#engine.volumes.byName(name);
          const seq = row && oldestNeeded(this.#engine, row, when);
          if (seq === undefined || seq <= this.#system.view.trimSeq(name)) return [];
          const value = { volume: name, seq: BigInt(seq), timeMs };
          return [{ body: { case: 'trim', value } } as const];
        }),
        result: undefined,
      });
      // It frees space, so it works on a full disk, too.
      await this.#system.change(plan, { urgent: true });
    }
  }
}

/** What the ages of states are counted from. */
type When = Parameters<typeof oldestNeeded>[2];

/** When anything was committed last. */
function newestMs(engine: LogEngine): number {
  const kinds = [LogKind.SYSTEM, LogKind.DIRECTORY] as const;
  const rows = kinds.flatMap((kind) => engine.volumes.all(kind));
  return rows.reduce((newest, { timeMs }) => Math.max(newest, timeMs), 0);
}
