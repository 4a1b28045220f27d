import type { DatabaseSync } from 'node:sqlite';
import type { LogEngine } from '../log/engine.ts';
import type { PathExtent } from '../format/path.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import type { System } from './system.ts';
import type { QuotaRow } from './system-view.ts';
import { checkQuota, type Usage, type UsageChange, UsageTable } from './usage.ts';

/** What volumes hold and may hold. Only changes that make a volume grow can be refused. */
export class Quotas {
  readonly #engine: LogEngine;
  readonly #system: System;
  readonly #counting = new Set<number>();
  readonly #committed: UsageTable;
  readonly #pending: UsageTable;

  constructor(parts: {
    readonly engine: LogEngine;
    readonly system: System;
    readonly reader: DatabaseSync;
    readonly writer: DatabaseSync;
  }) {
    this.#engine = parts.engine;
    this.#system = parts.system;
    this.#committed = new UsageTable(parts.reader);
    this.#pending = new UsageTable(parts.writer);
  }

  /**
   * What a volume holds, as it is committed. Undefined when it must be counted first, after a recovery
   * of the index: that is begun, and does not hold up who asks.
   */
  usage({ id, count }: VolumeRow): Usage | undefined {
    const known = this.#committed.known(id, count);
    if (known === undefined && !this.#counting.has(id)) {
      this.#counting.add(id);
      void this.#engine
        .run((transaction) => this.count(id, transaction.nextSeq(id)))
        .catch(() => undefined)
        .finally(() => this.#counting.delete(id));
    }
    return known;
  }

  /** Counts what a volume of so many records holds, inside a transaction, to carry it on from there. */
  count(volume: number, count: number): void {
    this.#pending.keep(volume, count);
  }

  /** What is below a node, as a change that is being planned sees it. */
  below(volume: number, node: number): Usage {
    return this.#pending.below(volume, node);
  }

  /** The same: by how much paths below a directory are at most deeper and longer than its own. */
  extentBelow(volume: number, node: number): PathExtent {
    return this.#pending.extentBelow(volume, node);
  }

  /**
   * Accounts for a change that was planned, inside its transaction. `isReserved`: an upload was opened
   * for it. Throws `quota_exceeded`.
   */
  account(row: VolumeRow, change: UsageChange, isReserved: boolean): void {
    this.#pending.change(change);
    if (change.bytes <= 0 && change.entries <= 0) return;
    const quota = this.#quotaOf(row);
    if (quota === undefined) return;
    const { bytes, entries } = this.#pending.keep(row.id, change.after);
    const staged = isReserved ? 0 : this.#pending.staged(row.id);
    checkQuota(quota, { total: { bytes: bytes + staged, entries }, growth: change });
  }

  /**
   * Makes sure that a volume of `count` records has room for an upload of so many bytes more, inside a
   * transaction. Throws `quota_exceeded`.
   */
  reserve(row: VolumeRow, count: number, growthBytes: number): void {
    const quota = this.#quotaOf(row);
    if (quota === undefined) return;
    const { bytes, entries } = this.#pending.keep(row.id, count);
    const total = { bytes: bytes + this.#pending.staged(row.id) + growthBytes, entries };
    checkQuota(quota, { total, growth: { bytes: growthBytes, entries: 0 } });
  }

  #quotaOf({ name }: VolumeRow): QuotaRow | undefined {
    const quota = this.#system.pending.quota(name);
    return quota.bytes === 0 && quota.entries === 0 ? undefined : quota;
  }
}
