import type { DatabaseSync } from 'node:sqlite';
import { bytesEqual } from '../base/bytes.ts';
import { prepareAll } from '../storage/index-db.ts';
import type { SegmentEdition } from '../storage/replay-visitor.ts';

const SQL = {
  get: 'SELECT edition FROM segment_edition WHERE segment = ?',
  set: 'INSERT OR REPLACE INTO segment_edition (segment, edition) VALUES (?, ?)',
  drop: 'DELETE FROM segment_edition WHERE segment = ?',
} as const;

/** No segment has it. */
const CHANGING = new Uint8Array(0);

/**
 * From which file of each sealed segment the index has its chunks. While a segment is being written anew, it
 * is from none: should the index lose the end of that, or the disk, the segment's table is read again.
 */
export class SegmentEditions {
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;

  /** `database` is the writing connection. */
  constructor(database: DatabaseSync) {
    this.#sql = prepareAll(database, SQL);
  }

  isCurrent({ segment, edition }: SegmentEdition): boolean {
    const known = this.get(segment);
    if (known === undefined || edition === undefined) return known === edition;
    return bytesEqual(known, edition);
  }

  /** Undefined for a segment that was never written anew. */
  get(segment: number): Uint8Array | undefined {
    return this.#sql.get.get(segment)?.['edition'] as Uint8Array | undefined;
  }

  set({ segment, edition }: SegmentEdition): void {
    if (edition === undefined) this.#sql.drop.run(segment);
    else this.#sql.set.run(segment, edition);
  }

  /** For the transactions that take chunks of the segment out of the index. */
  begin(segment: number): void {
    this.#sql.set.run(segment, CHANGING);
  }
}
