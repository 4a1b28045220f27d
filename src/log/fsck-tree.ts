import type { DatabaseSync } from 'node:sqlite';
import type { Dentry, Removal } from '../format/dentry.ts';
import type { NodeKind } from '../format/generated/gdpfs_pb.js';
import type { NodePlaces, PlacedVersion } from './kept-rule.ts';
import { stateKey, stateLeafHash } from '../format/state-entry.ts';
import { type StateChange, StateMap, type StateNodes } from '../format/state-map.ts';
import { foldIntoTree, type TreeNode, type TreeNodes } from '../format/tree-fold.ts';
import { prepareAll } from '../storage/index-db.ts';

/** Tables in the scratch database of a check. */
export const FSCK_TREE_SCHEMA = `
  CREATE TABLE node (volume BLOB, node INTEGER, parent INTEGER, name TEXT, kind INTEGER,
    PRIMARY KEY (volume, node)) WITHOUT ROWID;
  CREATE UNIQUE INDEX node_place ON node (volume, parent, name);
  CREATE TABLE past (volume BLOB, node INTEGER, kind INTEGER, PRIMARY KEY (volume, node))
    WITHOUT ROWID;
  CREATE TABLE version (volume BLOB, node INTEGER, seq INTEGER, parent INTEGER, until INTEGER, log BLOB,
    log_count INTEGER, PRIMARY KEY (volume, node, seq)) WITHOUT ROWID;
  CREATE TABLE state (volume BLOB, path BLOB, node BLOB, PRIMARY KEY (volume, path))
    WITHOUT ROWID;`;

const SQL = {
  byNode: 'SELECT node, parent, name, kind FROM node WHERE volume = ? AND node = ?',
  byPlace: 'SELECT node, kind FROM node WHERE volume = ? AND parent = ? AND name = ?',
  add: 'INSERT INTO node (volume, node, parent, name, kind) VALUES (?, ?, ?, ?, ?)',
  drop: 'DELETE FROM node WHERE volume = ? AND node = ?',
  past: 'SELECT kind FROM past WHERE volume = ? AND node = ?',
  addPast: 'INSERT OR REPLACE INTO past (volume, node, kind) VALUES (?, ?, ?)',
  addVersion: `INSERT INTO version (volume, node, seq, parent, until, log, log_count)
    VALUES (?, ?, ?, ?, NULL, ?, ?)`,
  endVersion: 'UPDATE version SET until = ? WHERE volume = ? AND node = ? AND until IS NULL',
  files: `SELECT parent, seq, until, log, log_count FROM version
    WHERE volume = ? AND log IS NOT NULL`,
  parentNow: 'SELECT parent FROM node WHERE volume = ? AND node = ?',
  removedBy: 'SELECT max(until) AS until FROM version WHERE volume = ? AND node = ?',
  parentAt: `SELECT parent FROM version
    WHERE volume = ?1 AND node = ?2 AND seq <= ?3 AND (until IS NULL OR until > ?3)`,
  getState: 'SELECT node FROM state WHERE volume = ? AND path = ?',
  setState: 'INSERT OR REPLACE INTO state (volume, path, node) VALUES (?, ?, ?)',
  dropState: 'DELETE FROM state WHERE volume = ? AND path = ?',
} as const;

/** A version of a file: so many records of its log. */
export interface FsckFile extends PlacedVersion {
  readonly log: Uint8Array;
  readonly logCount: number;
}

/** The trees of all volumes of a store, as their dentries make them, and their state maps. */
export class FsckTrees {
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;

  constructor(database: DatabaseSync) {
    this.#sql = prepareAll(database, SQL);
  }

  /**
   * Folds what a commit of the volume adds; returns the root of the state map after it. Throws
   * `corrupt` for a dentry that cannot follow those before.
   */
  apply(volume: Uint8Array, dentries: readonly (Dentry | Removal)[]): Uint8Array {
    const changes = new Map<string, StateChange>();
    const nodes = this.#nodes(volume, (change) => {
      changes.set(Buffer.from(change.key).toString('latin1'), change);
    });
    for (const dentry of dentries) foldIntoTree(nodes, dentry);
    const map = new StateMap(this.#state(volume));
    map.update([...changes.values()].sort((left, right) => Buffer.compare(left.key, right.key)));
    return map.root();
  }

  /** All versions of files that the volume has had. */
  *files(volume: Uint8Array): Generator<FsckFile, void, void> {
    for (const row of this.#sql.files.iterate(volume)) {
      yield {
        parent: Number(row['parent']),
        seq: Number(row['seq']),
        until: row['until'] === null ? Number.POSITIVE_INFINITY : Number(row['until']),
        log: row['log'] as Uint8Array,
        logCount: Number(row['log_count']),
      };
    }
  }

  places(volume: Uint8Array): NodePlaces {
    const { parentNow, removedBy, parentAt } = this.#sql;
    const parentOf = (row: Record<string, unknown> | undefined): number | undefined =>
      row === undefined ? undefined : Number(row['parent']);
    return {
      parentNow: (node) => parentOf(parentNow.get(volume, node)),
      removedBy: (node) => Number(removedBy.get(volume, node)?.['until'] ?? 0),
      parentAt: (node, seq) => parentOf(parentAt.get(volume, node, seq)),
    };
  }

  #nodes(volume: Uint8Array, note: (change: StateChange) => void): TreeNodes {
    const sql = this.#sql;
    const retire = ({ parent, name }: Omit<TreeNode, 'node' | 'kind'>, seq: number): void => {
      const row = sql.byPlace.get(volume, parent, name);
      if (row === undefined) return;
      sql.drop.run(volume, Number(row['node']));
      sql.endVersion.run(seq, volume, Number(row['node']));
      sql.addPast.run(volume, Number(row['node']), Number(row['kind']));
      note({ key: stateKey(parent, name), hash: undefined });
    };
    return {
      byNode: (node) => asNode(sql.byNode.get(volume, node)),
      pastKind: (node) => sql.past.get(volume, node)?.['kind'] as NodeKind | undefined,
      retire,
      place: (dentry) => {
        const { node, parent, name, kind, seq, file } = dentry;
        retire(dentry, seq);
        sql.addVersion.run(volume, node, seq, parent, file?.log ?? null, file?.logCount ?? null);
        sql.add.run(volume, node, parent, name, kind);
        note({ key: stateKey(parent, name), hash: stateLeafHash(dentry) });
      },
    };
  }

  #state(volume: Uint8Array): StateNodes {
    const sql = this.#sql;
    return {
      get: (path) => sql.getState.get(volume, path)?.['node'] as Uint8Array | undefined,
      set: (path, node) => void sql.setState.run(volume, path, node),
      delete: (path) => void sql.dropState.run(volume, path),
    };
  }
}

function asNode(row: Record<string, unknown> | undefined): TreeNode | undefined {
  if (row === undefined) return undefined;
  const { node, parent, name, kind } = row;
  return { node: Number(node), parent: Number(parent), name: String(name), kind: Number(kind) };
}
