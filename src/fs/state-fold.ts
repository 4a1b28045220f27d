import type { DatabaseSync } from 'node:sqlite';
import { asBuffer } from '../base/bytes.ts';
import type { Dentry } from '../format/dentry.ts';
import { type StateEntry, stateKey, stateLeafHash } from '../format/state-entry.ts';
import { type StateChange, StateMap, type StateNodes } from '../format/state-map.ts';
import { prepareAll } from '../storage/index-db.ts';
import type { EntryRow } from './entry-table.ts';

const SQL = {
  get: 'SELECT node FROM state_node WHERE volume = ? AND path = ?',
  set: 'INSERT OR REPLACE INTO state_node (volume, path, node) VALUES (?, ?, ?)',
  delete: 'DELETE FROM state_node WHERE volume = ? AND path = ?',
} as const;

/** The nodes of all volumes' state maps, through one connection of the index. */
export class StateNodeTable {
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;

  constructor(database: DatabaseSync) {
    this.#sql = prepareAll(database, SQL);
  }

  /** Those of the volume with this index id. */
  of(volume: number): StateNodes {
    return {
      get: (path) => this.#sql.get.get(volume, path)?.['node'] as Uint8Array | undefined,
      set: (path, node) => void this.#sql.set.run(volume, path, node),
      delete: (path) => void this.#sql.delete.run(volume, path),
    };
  }
}

interface Pending extends StateChange {
  readonly volume: number;
  /** Directory of the name that the key is of: the keys of each are together, in the order of their numbers. */
  readonly parent: number;
}

/**
 * Keeps the state maps as the dentries say. Changes are collected and taken in together, a commit at
 * a time: names of one directory share all but their last nodes.
 */
export class StateFold {
  readonly #nodes: StateNodeTable;
  #pending: Pending[] = [];

  /** `database` is the writing connection. */
  constructor(database: DatabaseSync) {
    this.#nodes = new StateNodeTable(database);
  }

  put(volume: number, dentry: Dentry): void {
    const key = stateKey(dentry.parent, dentry.name);
    this.#pending.push({ volume, parent: dentry.parent, key, hash: stateLeafHash(dentry) });
  }

  remove(
    volume: number,
    { parent, name }: { readonly parent: number; readonly name: string },
  ): void {
    this.#pending.push({ volume, parent, key: stateKey(parent, name), hash: undefined });
  }

  /** Changes that are not taken in yet. */
  get length(): number {
    return this.#pending.length;
  }

  /** Forgets all but the first `length` of them. */
  cut(length: number): void {
    this.#pending.length = Math.min(length, this.#pending.length);
  }

  /** Root of the volume's map, after all changes. */
  root(volume: number): Uint8Array {
    this.settle();
    return new StateMap(this.#nodes.of(volume)).root();
  }

  /** Takes in what was collected. */
  settle(): void {
    const byVolume = Map.groupBy(this.#pending, (change) => change.volume);
    this.#pending = [];
    for (const [changed, changes] of byVolume) {
      new StateMap(this.#nodes.of(changed)).update(lastOfEach(changes));
    }
  }
}

/** The last change of each key, in the order of the keys. */
function lastOfEach(changes: readonly Pending[]): StateChange[] {
  const byParent = Map.groupBy(changes, ({ parent }) => parent);
  const parents = [...byParent.keys()].sort((left, right) => left - right);
  return parents.flatMap((parent) => inOrder(byParent.get(parent) ?? []));
}

/** The same, of one directory: mostly its names come in order, and each once. */
function inOrder(changes: readonly StateChange[]): readonly StateChange[] {
  const isOrdered = changes.every((change, index) => {
    const before = changes[index - 1];
    return before === undefined || Buffer.compare(before.key, change.key) < 0;
  });
  if (isOrdered) return changes;
  const last = new Map<string, StateChange>();
  for (const change of changes) last.set(asBuffer(change.key).toString('latin1'), change);
  return [...last.values()].sort((left, right) => Buffer.compare(left.key, right.key));
}

/** What the state map has of a row. */
export function stateEntryOf(row: EntryRow): StateEntry {
  const { log, root, content, logCount, ...rest } = row;
  const isFile = log !== undefined && root !== undefined && content !== undefined;
  return { ...rest, file: isFile ? { log, logCount, root, content } : undefined };
}
