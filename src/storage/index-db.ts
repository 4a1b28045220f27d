import { rmSync } from 'node:fs';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { GdpfsError } from '../base/errors.ts';

/** Rises with every change of the tables: an index of another version is rebuilt from segments. */
const INDEX_VERSION = 11;

/** Pages kept in memory by each connection, in KiB (SQLite counts it negative). */
const CACHE_KIB = 16 * 1024;

/**
 * Pages of the write-ahead log after which a commit moves them into the file itself, which takes 20 ms for
 * 4,096: so many should come only where nobody has a moment for `checkpoint`.
 */
const CHECKPOINT_PAGES = 16_384;

/**
 * The index: finds what the segments hold and can always be rebuilt from them (DESIGN §4). Changes
 * are made on `writer` inside one open transaction, which is at the same time the view of what is
 * pending; `reader` sees only what has been committed, which happens after the segment is durable.
 *
 * The database is not synced at every commit: after a power loss it may be older than the segments,
 * never newer, and catches up.
 */
export interface IndexDatabase {
  readonly writer: DatabaseSync;
  readonly reader: DatabaseSync;
  /** True when the tables were just made, so that everything must be read from the segments. */
  readonly isNew: boolean;
  /** Moves what was committed from the write-ahead log into the file itself. */
  checkpoint(): void;
  close(): void;
}

/** Opens the index at `path`, making it anew if it is missing, damaged or of another version. */
export function openIndexDatabase(path: string, schema: readonly string[]): IndexDatabase {
  let writer = openWriter(path);
  let isNew = false;
  if (writer === undefined || !isCurrent(writer)) {
    const mayRemove = writer === undefined || !isEmpty(writer);
    writer?.close();
    if (mayRemove) removeIndex(path);
    writer = openWriter(path);
    if (writer === undefined) throw new Error(`cannot create index "${path}"`);
    for (const statement of schema) writer.exec(statement);
    writer.exec(`PRAGMA user_version = ${INDEX_VERSION}`);
    isNew = true;
  }
  const reader = new DatabaseSync(path, { readOnly: true });
  reader.exec(`PRAGMA cache_size = -${CACHE_KIB}; PRAGMA mmap_size = 0`);
  const opened = writer;
  return {
    writer: opened,
    reader,
    isNew,
    checkpoint: () => opened.exec('PRAGMA wal_checkpoint(PASSIVE)'),
    close() {
      reader.close();
      opened.close();
    },
  };
}

/** Deletes the index; the next open rebuilds it. */
export function removeIndex(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
}

function openWriter(path: string): DatabaseSync | undefined {
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path);
    database.exec(`
      PRAGMA journal_mode = WAL;
      PRAGMA synchronous = NORMAL;
      PRAGMA wal_autocheckpoint = ${CHECKPOINT_PAGES};
      PRAGMA cache_size = -${CACHE_KIB};
      PRAGMA temp_store = MEMORY`);
    return database;
  } catch {
    // Whatever is wrong with it, an index that cannot be opened is rebuilt from the segments.
    database?.close();
    return undefined;
  }
}

function isCurrent(database: DatabaseSync): boolean {
  try {
    const version = database.prepare('PRAGMA user_version').get()?.['user_version'];
    return version === INDEX_VERSION;
  } catch {
    return false;
  }
}

function isEmpty(database: DatabaseSync): boolean {
  return database.prepare('SELECT count(*) AS n FROM sqlite_schema').get()?.['n'] === 0;
}

/** SQLite's result code for a full disk. */
const SQLITE_FULL = 13;

/** A failure of the index in our words if it is about space; any other error as it is. */
export function asIndexError(error: unknown): unknown {
  const isFull = error instanceof Error && 'errcode' in error && error.errcode === SQLITE_FULL;
  if (!isFull) return error;
  return new GdpfsError('no_space', 'cannot write index: the disk is full', { cause: error });
}

/**
 * Many reads with one lock: a statement outside of any transaction takes one of its own, which costs
 * as much as finding a row.
 */
export function reading<T>(database: DatabaseSync, read: () => T): T {
  if (database.isTransaction) return read();
  database.exec('BEGIN');
  try {
    return read();
  } finally {
    database.exec('COMMIT');
  }
}

/**
 * What a row is found by that a digest names: a part of it, which others may share, so the row must be
 * asked for the whole digest as well.
 */
export function shortKey(digest: Uint8Array): number {
  const { 0: a = 0, 1: b = 0, 2: c = 0, 3: d = 0 } = digest;
  return (a << 24) | (b << 16) | (c << 8) | d;
}

/** Prepares each statement of `sql` on `database`. */
export function prepareAll<Name extends string>(
  database: DatabaseSync,
  sql: Readonly<Record<Name, string>>,
): Record<Name, StatementSync> {
  const prepared: Partial<Record<Name, StatementSync>> = {};
  for (const name of Object.keys(sql) as Name[]) prepared[name] = database.prepare(sql[name]);
  return prepared as Record<Name, StatementSync>;
}
