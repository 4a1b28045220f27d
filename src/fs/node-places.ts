import type { DatabaseSync } from 'node:sqlite';
import type { NodePlaces } from '../log/kept-rule.ts';
import { prepareAll } from '../storage/index-db.ts';

const SQL = {
  now: 'SELECT parent FROM entry WHERE volume = ? AND node = ?',
  lastUntil: 'SELECT max(until) AS until FROM entry_past WHERE volume = ? AND node = ?',
  at: `SELECT parent FROM entry WHERE volume = ?1 AND node = ?2 AND seq <= ?3
    UNION ALL SELECT parent FROM entry_past
    WHERE volume = ?1 AND node = ?2 AND seq <= ?3 AND until > ?3`,
} as const;

/** Where the nodes of the volume with an index id are and have been, by the tables of entries. */
export function nodePlaces(database: DatabaseSync, volume: number): NodePlaces {
  const sql = prepareAll(database, SQL);
  const parentOf = (row: Record<string, unknown> | undefined): number | undefined =>
    row === undefined ? undefined : Number(row['parent']);
  return {
    parentNow: (node) => parentOf(sql.now.get(volume, node)),
    removedBy: (node) => Number(sql.lastUntil.get(volume, node)?.['until'] ?? 0),
    parentAt: (node, seq) => parentOf(sql.at.get(volume, node, seq)),
  };
}
