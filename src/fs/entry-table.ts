import type { DatabaseSync, SQLInputValue, SQLOutputValue } from 'node:sqlite';
import { assert } from '../base/errors.ts';
import type { NodeKind } from '../format/generated/gdpfs_pb.js';
import type { TreeNode } from '../format/tree-fold.ts';
import { prepareAll } from '../storage/index-db.ts';

/** One version of a name, as a dentry made it. */
export interface EntryRow {
  readonly parent: number;
  readonly name: string;
  readonly seq: number;
  readonly node: number;
  readonly kind: NodeKind;
  /** Files only, like `logCount`, `root` and `content`. */
  readonly log: Uint8Array | undefined;
  readonly logCount: number;
  readonly size: number;
  readonly root: Uint8Array | undefined;
  readonly content: Uint8Array | undefined;
  readonly mode: number;
  readonly mtimeUs: number;
  readonly author: string;
  readonly target: string | undefined;
}

/** What a listing of many names tells of each. */
export type BriefRow = Pick<
  EntryRow,
  'name' | 'node' | 'kind' | 'size' | 'mode' | 'mtimeUs' | 'content' | 'target'
>;

const COLUMNS = `parent, name, seq, node, kind, log, log_count, size, root, content, mode, mtime_us,
  author, target`;

const BRIEF_COLUMNS = 'name, node, kind, size, mode, mtime_us, content, target';

const SQL = {
  byName: `SELECT ${COLUMNS} FROM entry WHERE volume = ? AND parent = ? AND name = ?`,
  placeOfNode: 'SELECT parent, name, node, kind FROM entry WHERE volume = ? AND node = ?',
  placeOfNodeAt: `SELECT parent, name, node, kind FROM entry
    WHERE volume = ?1 AND node = ?2 AND seq < ?3
    UNION ALL SELECT parent, name, node, kind FROM entry_past
    WHERE volume = ?1 AND node = ?2 AND seq < ?3 AND until >= ?3`,
  nodeAtPlace: `SELECT parent, name, node, kind FROM entry
    WHERE volume = ? AND parent = ? AND name = ?`,
  nodeAtPlaceAt: `SELECT parent, name, node, kind FROM entry
    WHERE volume = ?1 AND parent = ?2 AND name = ?3 AND seq < ?4
    UNION ALL SELECT parent, name, node, kind FROM entry_past
    WHERE volume = ?1 AND parent = ?2 AND name = ?3 AND seq < ?4 AND until >= ?4`,
  children: `SELECT ${COLUMNS} FROM entry WHERE volume = ? AND parent = ? AND name > ?
    ORDER BY name LIMIT ?`,
  brief: `SELECT ${BRIEF_COLUMNS} FROM entry WHERE volume = ? AND parent = ? AND name > ?
    ORDER BY name LIMIT ?`,
  briefAt: `SELECT ${BRIEF_COLUMNS} FROM entry
    WHERE volume = ?1 AND parent = ?2 AND name > ?3 AND seq < ?5
    UNION ALL SELECT ${BRIEF_COLUMNS} FROM entry_past
    WHERE volume = ?1 AND parent = ?2 AND name > ?3 AND seq < ?5 AND until >= ?5
    ORDER BY name LIMIT ?4`,
  anyChild: 'SELECT 1 FROM entry WHERE volume = ? AND parent = ? LIMIT 1',
  byNameAt: `SELECT ${COLUMNS} FROM entry
    WHERE volume = ?1 AND parent = ?2 AND name = ?3 AND seq < ?4
    UNION ALL SELECT ${COLUMNS} FROM entry_past
    WHERE volume = ?1 AND parent = ?2 AND name = ?3 AND seq < ?4 AND until >= ?4`,
  childrenAt: `SELECT ${COLUMNS} FROM entry
    WHERE volume = ?1 AND parent = ?2 AND name > ?3 AND seq < ?5
    UNION ALL SELECT ${COLUMNS} FROM entry_past
    WHERE volume = ?1 AND parent = ?2 AND name > ?3 AND seq < ?5 AND until >= ?5
    ORDER BY name LIMIT ?4`,
  lastPast: `SELECT ${COLUMNS} FROM entry_past WHERE volume = ? AND node = ?
    ORDER BY seq DESC LIMIT 1`,
  lastUntil: 'SELECT max(until) AS until FROM entry_past WHERE volume = ? AND node = ?',
  insert: `INSERT INTO entry (volume, ${COLUMNS})
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT (volume, parent, name) DO NOTHING`,
  keep: `INSERT INTO entry_past (volume, ${COLUMNS}, until)
    SELECT volume, ${COLUMNS}, ? FROM entry WHERE volume = ? AND parent = ? AND name = ?`,
  drop: 'DELETE FROM entry WHERE volume = ? AND parent = ? AND name = ?',
} as const;

/**
 * The entries of one volume through one connection of the index: the writer's sees what is pending,
 * the reader's what is committed. `at` is a count of records: the state after that many.
 */
export class EntryTable {
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;
  /** Told of what is looked at in the newest state, for who must prove it. */
  watcher: EntryWatcher | undefined;

  constructor(database: DatabaseSync) {
    this.#sql = prepareAll(database, SQL);
    // A row as an object takes twice as long.
    for (const statement of Object.values(this.#sql)) statement.setReturnArrays(true);
  }

  byName(place: Place, at?: number): EntryRow | undefined {
    const { volume, parent, name } = place;
    const found =
      at === undefined
        ? this.#sql.byName.get(volume, parent, name)
        : this.#sql.byNameAt.get(volume, parent, name, at);
    const row = found === undefined ? undefined : asEntryRow(valuesOf(found));
    if (at === undefined) this.watcher?.sawName(place, row);
    return row;
  }

  /** Where a node is; the little that a fold needs of each. */
  placeOf(volume: number, node: number, at?: number): TreeNode | undefined {
    const { placeOfNode, placeOfNodeAt } = this.#sql;
    return asTreeNode(
      at === undefined ? placeOfNode.get(volume, node) : placeOfNodeAt.get(volume, node, at),
    );
  }

  nodeAt({ volume, parent, name }: Place, at?: number): TreeNode | undefined {
    const { nodeAtPlace, nodeAtPlaceAt } = this.#sql;
    return asTreeNode(
      at === undefined
        ? nodeAtPlace.get(volume, parent, name)
        : nodeAtPlaceAt.get(volume, parent, name, at),
    );
  }

  /** At most `limit` entries behind the name in `place`, in the order of the names' bytes. */
  children(place: Place, limit: number, at?: number): EntryRow[] {
    const { volume, parent, name } = place;
    const found =
      at === undefined
        ? this.#sql.children.all(volume, parent, name, limit)
        : this.#sql.childrenAt.all(volume, parent, name, limit, at);
    const rows = found.map((row) => asEntryRow(valuesOf(row)));
    if (at === undefined) {
      const last = rows.length < limit ? undefined : rows.at(-1)?.name;
      this.watcher?.sawNames({ parent, after: name, last }, rows);
    }
    return rows;
  }

  /** The same, with what a listing needs and nothing else: at 100,000 names that counts. */
  briefChildren(place: Place, limit: number, at?: number): BriefRow[] {
    const { volume, parent, name } = place;
    const rows =
      at === undefined
        ? this.#sql.brief.all(volume, parent, name, limit)
        : this.#sql.briefAt.all(volume, parent, name, limit, at);
    return rows.map((row) => asBriefRow(valuesOf(row)));
  }

  hasChildren(volume: number, node: number): boolean {
    const hasAny = this.#sql.anyChild.get(volume, node) !== undefined;
    if (!hasAny) this.watcher?.sawNames({ parent: node, after: '', last: undefined }, []);
    return hasAny;
  }

  /** The last version of a node that is not in the tree any more. */
  lastPast(volume: number, node: number): EntryRow | undefined {
    const row = this.#sql.lastPast.get(volume, node);
    return row === undefined ? undefined : asEntryRow(valuesOf(row));
  }

  /** seq of the record that took the node out of its last place, if it has none now. */
  removedBy(volume: number, node: number): number {
    const row = this.#sql.lastUntil.get(volume, node);
    return row === undefined ? 0 : Number(valuesOf(row)[0] ?? 0);
  }

  /** What stands at the place of `row` ends with it; false if nothing stood there. */
  place(volume: number, row: EntryRow): boolean {
    if (this.#insert(volume, row)) return false;
    this.retire({ volume, parent: row.parent, name: row.name }, row.seq);
    assert(this.#insert(volume, row), 'nothing stands at a place whose entry has ended');
    return true;
  }

  /** False if something stands there. */
  #insert(volume: number, row: EntryRow): boolean {
    const { changes } = this.#sql.insert.run(
      volume,
      row.parent,
      row.name,
      row.seq,
      row.node,
      row.kind,
      orNull(row.log),
      row.logCount,
      row.size,
      orNull(row.root),
      orNull(row.content),
      row.mode,
      row.mtimeUs,
      row.author,
      orNull(row.target),
    );
    return changes === 1;
  }

  /** The entry at `place` ends with record `until`; it stays in the history. */
  retire(place: Place, until: number): void {
    this.#sql.keep.run(until, place.volume, place.parent, place.name);
    this.#sql.drop.run(place.volume, place.parent, place.name);
  }
}

/** Who is told of every look at the newest state. */
export interface EntryWatcher {
  sawName(place: Place, row: EntryRow | undefined): void;
  /** All names of a directory behind `after`, up to `last` if there is one. */
  sawNames(
    range: { readonly parent: number; readonly after: string; readonly last: string | undefined },
    rows: readonly EntryRow[],
  ): void;
}

/** A name in a directory of a volume, by the index id of the volume. */
export interface Place {
  readonly volume: number;
  readonly parent: number;
  readonly name: string;
}

/** What a statement that returns arrays gives, of which the types know nothing. */
type Values = readonly SQLOutputValue[];

function valuesOf(row: object): Values {
  return row as Values;
}

/** In the order of `COLUMNS`. */
function asEntryRow(row: Values): EntryRow {
  return {
    parent: Number(row[0]),
    name: String(row[1]),
    seq: Number(row[2]),
    node: Number(row[3]),
    kind: Number(row[4]),
    log: orUndefined(row[5]),
    logCount: Number(row[6]),
    size: Number(row[7]),
    root: orUndefined(row[8]),
    content: orUndefined(row[9]),
    mode: Number(row[10]),
    mtimeUs: Number(row[11]),
    author: String(row[12]),
    target: typeof row[13] === 'string' ? row[13] : undefined,
  };
}

/** In the order of `BRIEF_COLUMNS`. */
function asBriefRow(row: Values): BriefRow {
  return {
    name: row[0] as string,
    node: row[1] as number,
    kind: row[2] as number,
    size: row[3] as number,
    mode: row[4] as number,
    mtimeUs: row[5] as number,
    content: orUndefined(row[6]),
    target: typeof row[7] === 'string' ? row[7] : undefined,
  };
}

function asTreeNode(found: object | undefined): TreeNode | undefined {
  if (found === undefined) return undefined;
  const [parent, name, node, kind] = valuesOf(found);
  return { parent: Number(parent), name: String(name), node: Number(node), kind: Number(kind) };
}

function orNull(value: Uint8Array | string | undefined): SQLInputValue {
  return value ?? null;
}

function orUndefined(value: SQLOutputValue | undefined): Uint8Array | undefined {
  return value instanceof Uint8Array ? value : undefined;
}
