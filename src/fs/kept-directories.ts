import type { DatabaseSync } from 'node:sqlite';
import { LIMITS } from '../base/limits.ts';
import { ROOT_NODE } from '../format/tree-fold.ts';
import { prepareAll } from '../storage/index-db.ts';

const SQL = {
  now: 'SELECT parent FROM entry WHERE volume = ? AND node = ?',
  lastUntil: 'SELECT max(until) AS until FROM entry_past WHERE volume = ? AND node = ?',
  at: `SELECT parent FROM entry WHERE volume = ?1 AND node = ?2 AND seq <= ?3
    UNION ALL SELECT parent FROM entry_past
    WHERE volume = ?1 AND node = ?2 AND seq <= ?3 AND until > ?3`,
} as const;

/**
 * When directories of one volume could be seen: what is below one that was removed stays in the tables,
 * and only ends with it. Which ones it has looked at is remembered, so it is for one walk.
 */
export class KeptDirectories {
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;
  readonly #volume: number;
  readonly #lastSeen = new Map<number, number>();
  readonly #seenAt = new Map<string, boolean>();

  constructor(database: DatabaseSync, volume: number) {
    this.#sql = prepareAll(database, SQL);
    this.#volume = volume;
  }

  /** seq of the last state in which a path leads to the directory; infinite if one does now. */
  lastSeen(directory: number): number {
    if (directory === ROOT_NODE) return Number.POSITIVE_INFINITY;
    let last = this.#lastSeen.get(directory);
    if (last === undefined) {
      const row = this.#sql.now.get(this.#volume, directory);
      last =
        row === undefined ? this.#removedAfter(directory) : this.lastSeen(Number(row['parent']));
      remember(this.#lastSeen, directory, last);
    }
    return last;
  }

  /** Did a path lead to the directory in the state after record `seq`? */
  isSeenAt(directory: number, seq: number): boolean {
    if (directory === ROOT_NODE) return true;
    const key = `${directory} ${seq}`;
    let isSeen = this.#seenAt.get(key);
    if (isSeen === undefined) {
      const row = this.#sql.at.get(this.#volume, directory, seq);
      isSeen = row !== undefined && this.isSeenAt(Number(row['parent']), seq);
      remember(this.#seenAt, key, isSeen);
    }
    return isSeen;
  }

  #removedAfter(directory: number): number {
    return Number(this.#sql.lastUntil.get(this.#volume, directory)?.['until'] ?? 0) - 1;
  }
}

function remember<Key, Value>(known: Map<Key, Value>, key: Key, value: Value): void {
  if (known.size >= LIMITS.gcDirectoriesKept) known.clear();
  known.set(key, value);
}
