import type { DatabaseSync } from 'node:sqlite';
import { base64urlEncode } from '../base/bytes.ts';
import type { Clock } from '../base/clock.ts';
import { isGdpfsError } from '../base/errors.ts';
import type { LogEngine } from '../log/engine.ts';
import type { Transaction } from '../log/transaction.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import { ChunkAccess } from './chunk-access.ts';
import type { PreparedChange } from './changes.ts';
import { asEntry, rootEntry } from './entry.ts';
import { EntryTable } from './entry-table.ts';
import { type KeptStates, keptStates, requireKept } from './kept-states.ts';
import { type ChangePlace, makeChange } from './make-change.ts';
import { type FileLogs, prepareChange } from './prepare-change.ts';
import type { Quotas } from './quotas.ts';
import { noVolume } from './removed-volume.ts';
import type { System } from './system.ts';
import { notFound, resolve } from './tree.ts';
import type { Change, ChangeContext, ChangeResult, Entry } from './types.ts';

/** Makes changes in volumes: what a change needs is gathered, then it is planned in its turn. */
export class Changer {
  readonly #engine: LogEngine;
  readonly #system: System;
  readonly #quotas: Quotas;
  readonly #clock: Clock;
  readonly #committed: EntryTable;
  /** As the open transaction sees it. */
  readonly entries: EntryTable;
  readonly #access: ChunkAccess;

  constructor(parts: {
    readonly engine: LogEngine;
    readonly system: System;
    readonly quotas: Quotas;
    readonly clock: Clock;
    readonly reader: DatabaseSync;
    readonly writer: DatabaseSync;
  }) {
    this.#engine = parts.engine;
    this.#system = parts.system;
    this.#quotas = parts.quotas;
    this.#clock = parts.clock;
    this.#committed = new EntryTable(parts.reader);
    this.entries = new EntryTable(parts.writer);
    this.#access = new ChunkAccess(parts.engine.chunks, parts.writer);
  }

  /** Makes the change, atomically, and answers when it is durable. A refused change has no effect. */
  async apply(row: VolumeRow, change: Change, context: ChangeContext): Promise<ChangeResult> {
    const repeated = this.firstResult(context);
    if (repeated !== undefined) return repeated;
    return await this.withLogs(async (logs) => {
      const prepared = await this.prepare(row, change, logs);
      const nowUs = this.#clock.now() * 1000;
      return await this.#engine.run(
        (transaction) => this.plan({ transaction, row, nowUs }, prepared, context),
        runOptions(prepared, context),
      );
    });
  }

  /**
   * The answer that the request got when it was made before. `apply` looks here first; it is for those
   * who must look at the state before they can say what to change.
   */
  firstResult({ author, request }: ChangeContext): ChangeResult | undefined {
    if (request === undefined) return undefined;
    const first = this.#engine.firstResult({ principal: author, ...request });
    return first as ChangeResult | undefined;
  }

  /** Gathers what a change needs before its turn comes. */
  async prepare(row: VolumeRow, change: Change, logs: FileLogs): Promise<PreparedChange> {
    const stat = (path: string): Entry => this.#stat(row, path);
    return await prepareChange(change, {
      engine: this.#engine,
      view: this.#system.view,
      row,
      logs,
      stat,
    });
  }

  /** Another change of this moment may be first to continue a file log: then each has its own. */
  async withLogs<T>(attempt: (logs: FileLogs) => Promise<T>): Promise<T> {
    try {
      return await attempt('shared');
    } catch (error) {
      if (!isGdpfsError(error, 'busy')) throw error;
      return await attempt('own');
    }
  }

  /** Makes the change in its turn. */
  plan(place: ChangeTurn, change: PreparedChange, context: ChangeContext): ChangeResult {
    // It may have been removed while the change waited for its turn.
    if (this.#system.pending.isRemovedVolume(place.row.name)) {
      throw noVolume(base64urlEncode(place.row.name));
    }
    requireMomentsKept(keptStates(place.row, this.#system.pending), change);
    const tables = {
      entries: this.entries,
      chunks: this.#engine.chunks,
      access: this.#access,
      quotas: this.#quotas,
    };
    return makeChange({ ...tables, ...place }, change, context);
  }

  #stat(row: VolumeRow, path: string): Entry {
    if (path === '') return rootEntry(row);
    const resolved = resolve({ entries: this.#committed, volume: row.id }, path);
    if (resolved.row === undefined) throw notFound(path, path);
    return asEntry('', { path, row: resolved.row });
  }
}

/** When and where a change is made. */
export interface ChangeTurn extends Pick<ChangePlace, 'row' | 'nowUs'> {
  readonly transaction: Transaction;
}

/** What the engine must know of a change. */
export function runOptions(
  change: { readonly kind: string },
  { author, request }: ChangeContext,
): Pick<Parameters<LogEngine['run']>[1] & object, 'urgent' | 'request'> {
  return {
    urgent: change.kind === 'remove',
    ...(request && { request: { principal: author, ...request } }),
  };
}

/** They may have been trimmed while the change waited for its turn: then throws `trimmed`. */
function requireMomentsKept(kept: KeptStates, change: PreparedChange): void {
  if (change.kind === 'many') {
    for (const one of change.changes) requireMomentsKept(kept, one);
  } else if ('atCount' in change && change.atCount !== undefined) {
    // Of what comes back as itself a snapshot need not keep all.
    const isWhole = change.kind === 'restore' && !change.asCopy;
    requireKept(isWhole ? { ...kept, snapshots: [] } : kept, change.atCount - 1);
  }
}
