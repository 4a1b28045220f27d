import { DatabaseSync } from 'node:sqlite';
import type { FileLogRecords } from '../format/file-pins.ts';
import { FSCK_TREE_SCHEMA, FsckTrees } from './fsck-tree.ts';
import { prepareAll } from '../storage/index-db.ts';

const SCHEMA = `
  PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;
  CREATE TABLE chunk (volume BLOB, digest BLOB, length INTEGER, checksum INTEGER,
    PRIMARY KEY (volume, digest)) WITHOUT ROWID;
  CREATE TABLE reference (volume BLOB, digest BLOB, length INTEGER, checksum INTEGER,
    segment INTEGER, offset INTEGER, PRIMARY KEY (volume, digest, length, checksum)) WITHOUT ROWID;
  CREATE TABLE record (volume BLOB, log BLOB, seq INTEGER, bytes BLOB,
    PRIMARY KEY (volume, log, seq)) WITHOUT ROWID;
  ${FSCK_TREE_SCHEMA}
  BEGIN`;

const SQL = {
  addChunk: 'INSERT OR REPLACE INTO chunk (volume, digest, length, checksum) VALUES (?, ?, ?, ?)',
  addReference: `INSERT OR IGNORE INTO reference
    (volume, digest, length, checksum, segment, offset) VALUES (?, ?, ?, ?, ?, ?)`,
  missing: `SELECT r.volume, r.digest, r.segment, r.offset FROM reference r
    LEFT JOIN chunk c ON c.volume = r.volume AND c.digest = r.digest
      AND c.length = r.length AND c.checksum = r.checksum
    WHERE c.digest IS NULL`,
  readLog: 'SELECT bytes FROM record WHERE volume = ? AND log = ? ORDER BY seq',
  addRecord: 'INSERT INTO record (volume, log, seq, bytes) VALUES (?, ?, ?, ?)',
} as const;

/** What a check must remember of a whole store, in a scratch database: memory stays bounded. */
export class FsckTables implements Disposable {
  readonly #database: DatabaseSync;
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;
  readonly trees: FsckTrees;

  constructor(path: string) {
    this.#database = new DatabaseSync(path);
    this.#database.exec(SCHEMA);
    this.#sql = prepareAll(this.#database, SQL);
    this.trees = new FsckTrees(this.#database);
  }

  addChunk(chunk: {
    readonly volume: Uint8Array;
    readonly digest: Uint8Array;
    readonly length: number;
    readonly checksum: number;
  }): void {
    this.#sql.addChunk.run(chunk.volume, chunk.digest, chunk.length, chunk.checksum);
  }

  addReference(chunk: {
    readonly volume: Uint8Array;
    readonly digest: Uint8Array;
    readonly length: number;
    readonly checksum: number;
    /** Of the commit that names it. */
    readonly segment: number;
    readonly offset: number;
  }): void {
    const { volume, digest, length, checksum, segment, offset } = chunk;
    this.#sql.addReference.run(volume, digest, length, checksum, segment, offset);
  }

  /** References without a chunk that fits. */
  missingChunks(): { volume: Uint8Array; digest: Uint8Array; segment: number; offset: number }[] {
    return this.#sql.missing.all().map((row) => ({
      volume: row['volume'] as Uint8Array,
      digest: row['digest'] as Uint8Array,
      segment: Number(row['segment']),
      offset: Number(row['offset']),
    }));
  }

  fileLogs(volume: Uint8Array): FileLogRecords {
    const counts = new Map<string, number>();
    return {
      read: (log) => this.#sql.readLog.all(volume, log).map((row) => row['bytes'] as Uint8Array),
      append: (log, records) => {
        const key = Buffer.from(log).toString('latin1');
        let seq = counts.get(key) ?? this.#sql.readLog.all(volume, log).length;
        for (const record of records) {
          this.#sql.addRecord.run(volume, log, seq, record);
          seq += 1;
        }
        counts.set(key, seq);
      },
    };
  }

  [Symbol.dispose](): void {
    this.#database.close();
  }
}
