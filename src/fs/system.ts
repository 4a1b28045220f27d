import type { DatabaseSync } from 'node:sqlite';
import type { SystemRecordInit } from '../format/record-encoder.ts';
import type { LogEngine, RunOptions } from '../log/engine.ts';
import { RightsTable } from './rights-table.ts';
import { SystemView } from './system-view.ts';

/** The server's own log: principals, grants, invitations, aliases, revocations (DESIGN §4). */
export class System {
  readonly #engine: LogEngine;
  readonly #volume: number;
  readonly #pending: SystemView;
  #epoch = 0;
  /** What is durable. */
  readonly view: SystemView;
  readonly rights: RightsTable;

  constructor(parts: {
    readonly engine: LogEngine;
    readonly volume: number;
    readonly reader: DatabaseSync;
    readonly writer: DatabaseSync;
  }) {
    this.#engine = parts.engine;
    this.#volume = parts.volume;
    this.view = new SystemView(parts.reader);
    this.#pending = new SystemView(parts.writer);
    this.rights = new RightsTable(this.view);
  }

  /**
   * Runs `plan` in its turn, against the pending state, and appends the records that it returns.
   * Durable when this resolves; if `plan` throws, nothing happened.
   */
  async change<T>(
    plan: (state: SystemView) => {
      readonly records: readonly SystemRecordInit[];
      readonly result: T;
    },
    options: RunOptions = {},
  ): Promise<T> {
    try {
      return await this.#engine.run((transaction) => {
        const { records, result } = plan(this.#pending);
        for (const value of records) transaction.append(this.#volume, { case: 'system', value });
        return result;
      }, options);
    } finally {
      this.changed();
    }
  }

  /**
   * Rises with every change: what was concluded from `view` holds as long as this is the same.
   */
  get epoch(): number {
    return this.#epoch;
  }

  /** Something was appended to the system log beside other logs, or may have been. */
  changed(): void {
    this.#epoch += 1;
    this.rights.clear();
  }

  /** Index id of the system log, to append to it beside other logs in one transaction. */
  get volume(): number {
    return this.#volume;
  }

  /** The pending state; only inside a plan. */
  get pending(): SystemView {
    return this.#pending;
  }
}
