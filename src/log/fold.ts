import type { DatabaseSync } from 'node:sqlite';
import type { RecordInit } from '../format/record-encoder.ts';
import type { ChainState } from '../format/volume-chain.ts';

/** A record at its place. */
export interface PlacedRecord {
  /** Index id of the log. */
  readonly volume: number;
  readonly kind: ChainState['kind'];
  readonly seq: number;
  readonly body: RecordInit;
}

/**
 * How the layer above turns records into its tables. Called for every record exactly once and in
 * order, in the live path and in recovery alike; so it may depend on nothing but the record and the
 * tables. Throws `corrupt` for a record that cannot follow what is there.
 */
export interface Fold {
  apply(database: DatabaseSync, record: PlacedRecord): void;
  /** How much was applied since the last `stateRoot`, for `rollback`. */
  mark(): number;
  /** What was applied after `mark` is taken back in the tables, and is not to be remembered. */
  rollback(mark: number): void;
  /** Writes into the tables what `apply` has only collected so far. */
  settle(database: DatabaseSync): void;
  /** Root of a directory log's state map after all records that were applied. */
  stateRoot(database: DatabaseSync, volume: number): Uint8Array;
}
