import { assert } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Position } from '../storage/replay-visitor.ts';
import { DigestMap } from './digest-map.ts';

/** What a table that digests name has one row of, or some. */
export interface WaitingRow {
  /** Index id. */
  readonly volume: number;
  /** What it is found by, within the volume. */
  readonly digest: Uint8Array;
}

/** How many rows wait in memory. Tests make it few. */
export interface WaitingLimits {
  /** Rows that come before they are written in the order of their keys. */
  readonly waitingRowsMax: number;
  /** Of those, rows that one transaction writes. */
  readonly waitingRowsAtOnce: number;
}

const DEFAULT_LIMITS: WaitingLimits = {
  waitingRowsMax: LIMITS.waitingRowsMax,
  waitingRowsAtOnce: LIMITS.waitingRowsAtOnce,
};

/** Rows that came one after the other. */
class Generation<Row extends WaitingRow> {
  readonly #volumes = new Map<number, DigestMap<Row>>();
  /** Where the first of them is from: an index that has not stored them has read no further. */
  from: Position | undefined;
  size = 0;

  get(volume: number, digest: Uint8Array): Row | undefined {
    return this.#volumes.get(volume)?.get(digest);
  }

  hasKeyOf(volume: number, digest: Uint8Array): boolean {
    return this.#volumes.get(volume)?.hasKeyOf(digest) === true;
  }

  of(volume: number): Iterable<Row> {
    return this.#volumes.get(volume)?.values() ?? [];
  }

  set(row: Row, place: Position | undefined): void {
    let rows = this.#volumes.get(row.volume);
    if (rows === undefined) {
      rows = new DigestMap();
      this.#volumes.set(row.volume, rows);
    }
    const { size } = rows;
    rows.set(row);
    this.size += rows.size - size;
    if (place !== undefined) this.from = earlier(this.from ?? place, place);
  }

  inOrder(): Row[] {
    const volumes = [...this.#volumes].sort(([left], [right]) => left - right);
    return volumes.flatMap(([, rows]) => rows.inOrder());
  }
}

/** A generation on its way into the table. */
interface Leaving<Row extends WaitingRow> {
  readonly generation: Generation<Row>;
  /** In the order of their keys. */
  readonly rows: readonly Row[];
  /** Those that are in the table, and those that the open transaction would add. */
  stored: number;
  written: number;
}

/**
 * Rows that wait for their table. Their keys are digests: written as they come, each would change a
 * page of the table's index for itself, and in a large index fetch it first. So they come into a
 * generation, are found there, and once it is full they leave it for the table in the order of their
 * keys, a few with each transaction, while others come into the next one. A crash forgets them: then
 * they are read again from where the first of them is from.
 */
export class WaitingRows<Row extends WaitingRow> {
  readonly #write: (row: Row) => void;
  readonly #limits: WaitingLimits;
  #coming = new Generation<Row>();
  #leaving: Leaving<Row> | undefined;

  /** `write` puts a row into the table, through the open transaction of the writer. */
  constructor(write: (row: Row) => void, limits: WaitingLimits = DEFAULT_LIMITS) {
    this.#write = write;
    this.#limits = limits;
  }

  /** Rows that are not in the table yet. */
  get size(): number {
    const { rows, stored } = this.#leaving ?? { rows: [], stored: 0 };
    return this.#coming.size + rows.length - stored;
  }

  /** No more should come before some are written. */
  get isFull(): boolean {
    return this.#coming.size >= this.#limits.waitingRowsMax;
  }

  /** Everything before it is in the table, once the open transaction is committed. */
  get from(): Position | undefined {
    const coming = this.#coming.from;
    const left = this.#leaving;
    const from =
      left !== undefined && left.written < left.rows.length ? left.generation.from : coming;
    return from === undefined || coming === undefined ? (from ?? coming) : earlier(from, coming);
  }

  /** The row of that name that waits to leave. */
  coming(volume: number, digest: Uint8Array): Row | undefined {
    return this.#coming.get(volume, digest);
  }

  /** The one on its way into the table; it may be there already. */
  leaving(volume: number, digest: Uint8Array): Row | undefined {
    return this.#leaving?.generation.get(volume, digest);
  }

  /** May there soon be a row whose digest has the short key of this one? */
  hasKeyOf(volume: number, digest: Uint8Array): boolean {
    const isComing = this.#coming.hasKeyOf(volume, digest);
    return isComing || this.#leaving?.generation.hasKeyOf(volume, digest) === true;
  }

  /** All of a volume; those that others have replaced as well. */
  *of(volume: number): Generator<Row> {
    yield* this.#coming.of(volume);
    if (this.#leaving !== undefined) yield* this.#leaving.generation.of(volume);
  }

  /** The row waits, in the place of one of the same name that came before. `place` is where it is from. */
  set(row: Row, place: Position | undefined): void {
    this.#coming.set(row, place);
  }

  /** From now on those that are there leave, unless others are doing so. */
  begin(): void {
    if (this.#leaving !== undefined || this.#coming.size === 0) return;
    const generation = this.#coming;
    this.#coming = new Generation();
    this.#leaving = { generation, rows: generation.inOrder(), stored: 0, written: 0 };
  }

  /** Writes as many of those that leave as one transaction should; all if others wait for them to. */
  writeSome(): void {
    if (this.isFull) this.begin();
    this.#writeNext(this.isFull ? Infinity : this.#limits.waitingRowsAtOnce);
  }

  /** Writes all. Nothing may be leaving. */
  writeAll(): void {
    assert(this.#leaving === undefined, 'one generation at a time leaves');
    this.begin();
    this.#writeNext(Infinity);
  }

  #writeNext(count: number): void {
    const leaving = this.#leaving;
    if (leaving === undefined) return;
    const { rows, written } = leaving;
    for (const row of rows.slice(written, written + count)) {
      this.#write(row);
      leaving.written += 1;
    }
  }

  /** The transaction is over. */
  settle({ isCommitted }: { readonly isCommitted: boolean }): void {
    const leaving = this.#leaving;
    if (leaving === undefined) return;
    if (isCommitted) leaving.stored = leaving.written;
    else leaving.written = leaving.stored;
    if (leaving.stored === leaving.rows.length) this.#leaving = undefined;
  }
}

/** Which of two places comes first in the segments. */
export function earlier<Place extends Position>(left: Place, right: Place): Place {
  if (left.segment !== right.segment) return left.segment < right.segment ? left : right;
  return left.offset <= right.offset ? left : right;
}
