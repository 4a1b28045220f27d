import { randomUUID } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../base/clock.ts';
import { bytesEqual } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { LogEngine } from '../log/engine.ts';
import { prepareAll } from '../storage/index-db.ts';
import type { Upload } from './types.ts';

const SQL = {
  get: 'SELECT u.*, v.name AS name FROM upload u JOIN volume v ON v.id = u.volume WHERE u.id = ?',
  own: `SELECT u.*, v.name AS name FROM upload u JOIN volume v ON v.id = u.volume
    WHERE u.principal = ? AND u.volume = ? AND u.path = ?`,
  count: 'SELECT count(*) AS count FROM upload WHERE principal = ?',
  insert: `INSERT INTO upload (id, volume, principal, path, size, chunk_size, base, created_ms, growth)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  remove: 'DELETE FROM upload WHERE id = ?',
  removeChunks: 'DELETE FROM upload_chunk WHERE upload = ?',
  expired: 'SELECT id FROM upload WHERE created_ms < ? LIMIT ?',
  pinned: `SELECT u.volume, c.upload, c.digest FROM upload_chunk c JOIN upload u ON u.id = c.upload
    WHERE (c.upload, c.digest) > (?, ?) ORDER BY c.upload, c.digest LIMIT ?`,
  arrived: `SELECT digest FROM upload_chunk WHERE upload = ? AND digest > ?
    ORDER BY digest LIMIT ?`,
  add: 'INSERT OR IGNORE INTO upload_chunk (upload, digest) VALUES (?, ?)',
} as const;

/** Uploads that one transaction ends because they are too old. */
const EXPIRED_AT_ONCE = 1000;

/** A chunk that an unfinished upload has sent, or was told to be there. */
export interface Pinned {
  /** Index id. */
  readonly volume: number;
  readonly digest: Uint8Array;
}

type Statements = ReturnType<typeof prepareAll<keyof typeof SQL>>;

/**
 * Unfinished uploads: for each a set of digests that arrived. They live in the index only: losing
 * one costs its owner a new request, and chunks that are stored already are found again.
 */
export class Uploads {
  readonly #engine: LogEngine;
  readonly #clock: Clock;
  readonly #reader: Statements;
  readonly #writer: Statements;

  constructor(parts: {
    readonly engine: LogEngine;
    readonly clock: Clock;
    readonly reader: DatabaseSync;
    readonly writer: DatabaseSync;
  }) {
    this.#engine = parts.engine;
    this.#clock = parts.clock;
    this.#reader = prepareAll(parts.reader, SQL);
    this.#writer = prepareAll(parts.writer, SQL);
  }

  /** Opens an upload, or finds the principal's own for the same file; throws `busy` at the limit. */
  async open(
    volume: number,
    options: Omit<Upload, 'id' | 'createdMs'>,
    reserve: (room: { readonly count: number; readonly growth: number }) => void,
  ): Promise<Upload> {
    const { principal, path, size, chunkSize, base, growth = 0 } = options;
    return await this.#engine.run((transaction) => {
      // Of two writers that do not know their sizes yet, each has an upload of its own.
      const rows = size === undefined ? [] : this.#writer.own.all(principal, volume, path);
      for (const row of rows) {
        const found = asUpload(row);
        if (found.size === size && found.chunkSize === chunkSize && sameBase(found.base, base)) {
          return found;
        }
      }
      this.#dropExpired();
      if (Number(this.#writer.count.get(principal)?.['count']) >= LIMITS.uploadsPerPrincipalMax) {
        throw new GdpfsError('busy', `cannot open upload: "${principal}" has too many unfinished`);
      }
      const id = randomUUID();
      const createdMs = this.#clock.now();
      const place = [id, volume, principal, path] as const;
      reserve({ count: transaction.nextSeq(volume), growth });
      this.#writer.insert.run(...place, size ?? null, chunkSize, base ?? null, createdMs, growth);
      return { ...options, id, createdMs };
    });
  }

  /** Throws `upload_not_found` if there is none of this principal with the id. */
  get(id: string, principal: string): Upload {
    const row = this.#reader.get.get(id);
    if (row === undefined || row['principal'] !== principal) {
      throw new GdpfsError('upload_not_found', `cannot find upload "${id}": it does not exist`, {
        hint: 'it may have expired or been committed: open a new one',
      });
    }
    return asUpload(row);
  }

  /** A chunk of the upload is durable, or its sender was told so: it stays until the upload ends. */
  add(upload: Upload, digest: Uint8Array): void {
    this.#engine.later(() => {
      this.#writer.add.run(upload.id, digest);
    });
  }

  /** Digests that arrived or were found, in their own order, behind `after`. */
  async arrived(
    upload: Upload,
    page: { readonly after?: Uint8Array; readonly limit: number },
  ): Promise<Uint8Array[]> {
    await this.#engine.flush();
    const after = page.after ?? new Uint8Array(0);
    return this.#reader.arrived
      .all(upload.id, after, page.limit)
      .map((row) => row['digest'] as Uint8Array);
  }

  /** Ends those that are older than an upload may become; how many there were. */
  async dropExpired(): Promise<number> {
    let count = 0;
    for (;;) {
      const dropped = await this.#engine.run(() => this.#dropExpired(), { urgent: true });
      count += dropped;
      if (dropped < EXPIRED_AT_ONCE) return count;
    }
  }

  /** What uploads rely on, by index id of the volume, a page at a time, while others come. */
  *pinned(): Generator<readonly Pinned[], void, void> {
    let last = { upload: '', digest: new Uint8Array(0) };
    for (;;) {
      const rows = this.#reader.pinned.all(last.upload, last.digest, LIMITS.gcPageRows);
      const page = rows.map((row) => ({
        volume: Number(row['volume']),
        upload: String(row['upload']),
        digest: row['digest'] as Uint8Array<ArrayBuffer>,
      }));
      yield page;
      const end = page.at(-1);
      if (end === undefined || page.length < LIMITS.gcPageRows) return;
      last = end;
    }
  }

  async close(upload: Upload): Promise<void> {
    this.#engine.later(() => {
      this.#remove(upload.id);
    });
  }

  /** Some of them; how many. */
  #dropExpired(): number {
    const before = this.#clock.now() - LIMITS.uploadIdleMs;
    const rows = this.#writer.expired.all(before, EXPIRED_AT_ONCE);
    for (const row of rows) this.#remove(String(row['id']));
    return rows.length;
  }

  #remove(id: string): void {
    this.#writer.removeChunks.run(id);
    this.#writer.remove.run(id);
  }
}

function asUpload(row: Record<string, unknown>): Upload {
  const base = row['base'];
  return {
    id: String(row['id']),
    principal: String(row['principal']),
    volume: row['name'] as Uint8Array,
    path: String(row['path']),
    chunkSize: Number(row['chunk_size']),
    createdMs: Number(row['created_ms']),
    ...(row['size'] === null ? {} : { size: Number(row['size']) }),
    ...(base instanceof Uint8Array ? { base } : {}),
  };
}

function sameBase(left: Uint8Array | undefined, right: Uint8Array | undefined): boolean {
  if (left === undefined || right === undefined) return left === right;
  return bytesEqual(left, right);
}
