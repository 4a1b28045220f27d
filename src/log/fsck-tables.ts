import { DatabaseSync } from 'node:sqlite';
import { type FileLogRecords, foldFileLog } from '../format/file-pins.ts';
import { KeptRule } from './kept-rule.ts';
import { FSCK_TREE_SCHEMA, FsckTrees } from './fsck-tree.ts';
import { prepareAll } from '../storage/index-db.ts';

const SCHEMA = `
  PRAGMA journal_mode = OFF; PRAGMA synchronous = OFF; PRAGMA cache_size = -65536;
  CREATE TABLE chunk (volume BLOB, digest BLOB, length INTEGER, checksum INTEGER,
    PRIMARY KEY (volume, digest)) WITHOUT ROWID;
  CREATE TABLE reference (volume BLOB, digest BLOB, length INTEGER, checksum INTEGER,
    segment INTEGER, offset INTEGER, PRIMARY KEY (volume, digest, length, checksum)) WITHOUT ROWID;
  CREATE TABLE kept (volume BLOB, digest BLOB, length INTEGER, checksum INTEGER,
    PRIMARY KEY (volume, digest, length, checksum)) WITHOUT ROWID;
  CREATE TABLE record (volume BLOB, log BLOB, seq INTEGER, bytes BLOB,
    PRIMARY KEY (volume, log, seq)) WITHOUT ROWID;
  ${FSCK_TREE_SCHEMA}
  BEGIN`;

/** Of references: those to a chunk that is not stored. */
const WITHOUT_CHUNK = `LEFT JOIN chunk c ON c.volume = r.volume AND c.digest = r.digest
    AND c.length = r.length AND c.checksum = r.checksum
  WHERE c.digest IS NULL`;

const SQL = {
  addChunk: 'INSERT OR REPLACE INTO chunk (volume, digest, length, checksum) VALUES (?, ?, ?, ?)',
  addReference: `INSERT OR IGNORE INTO reference
    (volume, digest, length, checksum, segment, offset) VALUES (?, ?, ?, ?, ?, ?)`,
  missing: `SELECT r.volume, count(*) AS count FROM reference r ${WITHOUT_CHUNK} GROUP BY r.volume`,
  addKept: 'INSERT OR IGNORE INTO kept (volume, digest, length, checksum) VALUES (?, ?, ?, ?)',
  keepAll: `INSERT INTO kept SELECT volume, digest, length, checksum FROM reference
    WHERE volume = ?`,
  lost: `SELECT r.volume, r.digest, r.segment, r.offset FROM kept k JOIN reference r
      ON r.volume = k.volume AND r.digest = k.digest AND r.length = k.length
        AND r.checksum = k.checksum
    ${WITHOUT_CHUNK}`,
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

  /** Volumes that name chunks which are not stored, with the number of these. */
  missingChunks(): { readonly volume: Uint8Array; readonly count: number }[] {
    return this.#sql.missing.all().map((row) => {
      return { volume: row['volume'] as Uint8Array, count: Number(row['count']) };
    });
  }

  /** Every chunk that the volume ever named is kept. */
  keepAll(volume: Uint8Array): void {
    this.#sql.keepAll.run(volume);
  }

  /** Only those are kept that its kept states name. */
  keep(volume: Uint8Array, states: ConstructorParameters<typeof KeptRule>[1]): void {
    const rule = new KeptRule(this.trees.places(volume), states);
    for (const file of this.trees.files(volume)) {
      if (!rule.isKept(file)) continue;
      const records = this.fileLogs(volume).read(file.log).slice(0, file.logCount);
      for (const { digest, length, checksum } of foldFileLog(records).chunks) {
        this.#sql.addKept.run(volume, digest, length, checksum);
      }
    }
  }

  /** Chunks that are kept and not stored, with a commit that names each. */
  lostChunks(): { volume: Uint8Array; digest: Uint8Array; segment: number; offset: number }[] {
    return this.#sql.lost.all().map((row) => ({
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
