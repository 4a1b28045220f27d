import type { SQLOutputValue } from 'node:sqlite';
import { bytesEqual } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { CHUNK_PREFIX_BYTES } from '../format/segment.ts';
import { type IndexDatabase, prepareAll, reading, shortKey } from '../storage/index-db.ts';
import type { Position } from '../storage/replay-visitor.ts';
import type { FrameLocation } from '../storage/segment-layout.ts';
import { DigestMap } from './digest-map.ts';

/** In place of a length: what was there is not the chunk any more. */
const LOST_LENGTH = -1;

/** Transactions that a chunk may wait for the commit of the file that uses it. */
const WAITED_TRANSACTIONS_MAX = 8;

const SQL = {
  places: 'SELECT digest, segment, offset, length FROM chunk WHERE volume = ? AND key = ?',
  used: 'SELECT used FROM chunk WHERE volume = ? AND key = ? AND digest = ?',
  any: 'SELECT 1 FROM chunk WHERE volume = ? LIMIT 1',
  insert: `INSERT INTO chunk (volume, key, digest, segment, offset, length, used)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
  move: `UPDATE chunk SET segment = ?4, offset = ?5, length = ?6, used = max(used, ?7)
    WHERE volume = ?1 AND key = ?2 AND digest = ?3`,
  lose: `UPDATE chunk SET length = ${LOST_LENGTH} WHERE volume = ? AND key = ? AND digest = ?`,
  use: 'UPDATE chunk SET used = 1 WHERE volume = ? AND key = ? AND digest = ? AND used = 0',
} as const;

interface Pending {
  readonly volume: number;
  readonly digest: Uint8Array;
  /** Undefined for a chunk that is found no more. */
  readonly location: FrameLocation | undefined;
  /** The index has no row of it, for sure. */
  readonly isNew: boolean;
  used: boolean;
  /** Transactions that have left it here. */
  waited: number;
}

/** A chunk that is stored. */
export interface FoundChunk {
  readonly location: FrameLocation;
  /** Does a committed file name it, or has one done so? */
  readonly used: boolean;
}

/** What a flush has done. */
export interface FlushedChunks {
  /** For `forget`. */
  readonly written: readonly Pending[];
  /** Where the first of those begins that are not in the index yet; undefined if all are. */
  readonly waitingFrom: Position | undefined;
}

/**
 * Where chunk bytes lie, by volume and digest. A chunk is found from the moment it is durable: what
 * the index has not stored yet is kept here. Places are read through the writer, also inside of its
 * open transaction: they are of durable chunks in any case, and after each commit the reader must
 * fetch every page again. Whether files use a chunk is read through the reader: only that may still
 * be undone.
 */
export class ChunkTable {
  readonly #index: Pick<IndexDatabase, 'reader' | 'writer'>;
  readonly #reader: ReturnType<typeof prepareAll<keyof typeof SQL>>;
  readonly #writer: ReturnType<typeof prepareAll<keyof typeof SQL>>;
  /** By volume. */
  readonly #pending = new Map<number, DigestMap<Pending>>();
  #pendingCount = 0;
  /**
   * By volume, short keys of some chunks that the index was asked for, where it has no row of that key:
   * whoever sends a chunk has mostly asked for it before.
   */
  readonly #absent = new Map<number, Set<number>>();
  #absentCount = 0;

  constructor(index: Pick<IndexDatabase, 'reader' | 'writer'>) {
    this.#index = index;
    this.#reader = prepareAll(index.reader, SQL);
    this.#writer = prepareAll(index.writer, SQL);
  }

  /** For many questions at once. */
  reading<T>(read: () => T): T {
    const { reader, writer } = this.#index;
    return reading(writer, () => reading(reader, read));
  }

  get pendingCount(): number {
    return this.#pendingCount;
  }

  /** A chunk frame became durable. */
  add(volume: number, digest: Uint8Array, location: FrameLocation): void {
    this.#put(volume, digest, location);
  }

  /** The bytes at the place are not those of the chunk: it counts as missing until it comes again. */
  removeRotten(volume: number, digest: Uint8Array, location: FrameLocation): void {
    const found = this.find(volume, digest);
    const isSame = found?.segment === location.segment && found.offset === location.offset;
    if (isSame) this.#put(volume, digest, undefined);
  }

  #put(volume: number, digest: Uint8Array, location: FrameLocation | undefined): void {
    let pending = this.#pending.get(volume);
    if (pending === undefined) {
      pending = new DigestMap();
      this.#pending.set(volume, pending);
    }
    // From now on there may be a row.
    const isNew = this.#absent.get(volume)?.delete(shortKey(digest)) === true;
    if (isNew) this.#absentCount -= 1;
    const { size } = pending;
    pending.set({ volume, digest, location, isNew, used: false, waited: 0 });
    this.#pendingCount += pending.size - size;
  }

  /** The index has no row of that key, nor is a chunk pending that will have one. */
  #noteAbsent(volume: number, key: number): void {
    if (this.#absentCount >= LIMITS.absentChunksKept) {
      this.#absent.clear();
      this.#absentCount = 0;
    }
    let absent = this.#absent.get(volume);
    if (absent === undefined) {
      absent = new Set();
      this.#absent.set(volume, absent);
    }
    absent.add(key);
    this.#absentCount += 1;
  }

  /** A file that names the chunk is being committed; for the open transaction of the writer. */
  use(volume: number, digest: Uint8Array): void {
    const pending = this.#pending.get(volume)?.get(digest);
    // Mostly the chunk has just come, and goes into the index with the commit that uses it.
    if (pending?.location !== undefined) pending.used = true;
    else this.#writer.use.run(volume, shortKey(digest), digest);
  }

  /** The chunk's frame, or undefined. */
  find(volume: number, digest: Uint8Array): FrameLocation | undefined {
    return this.#find(volume, digest).location;
  }

  /** The chunk and whether files use it, or undefined. */
  lookUp(volume: number, digest: Uint8Array): FoundChunk | undefined {
    const { location, pending } = this.#find(volume, digest);
    if (location === undefined) return undefined;
    if (pending?.used === true) return { location, used: true };
    const used = this.#reader.used.get(volume, shortKey(digest), digest)?.['used'] === 1;
    return { location, used };
  }

  #find(
    volume: number,
    digest: Uint8Array,
  ): { readonly location: FrameLocation | undefined; readonly pending?: Pending } {
    const waiting = this.#pending.get(volume);
    const pending = waiting?.get(digest);
    if (pending !== undefined) return { location: pending.location, pending };
    const key = shortKey(digest);
    if (this.#absent.get(volume)?.has(key) === true) return { location: undefined };
    const rows = this.#writer.places.all(volume, key);
    const willHaveRow = waiting?.hasKeyOf(digest) === true;
    if (rows.length === 0 && !willHaveRow) this.#noteAbsent(volume, key);
    const row = rows.find((found) => bytesEqual(found['digest'] as Uint8Array, digest));
    return { location: row === undefined ? undefined : locationOf(row) };
  }

  /** Bytes of data in the chunk, or undefined if it is not stored. */
  dataLength(volume: number, digest: Uint8Array): number | undefined {
    const location = this.find(volume, digest);
    return location === undefined ? undefined : location.length - CHUNK_PREFIX_BYTES;
  }

  isEmpty(volume: number): boolean {
    for (const { location } of this.#pending.get(volume)?.values() ?? []) {
      if (location !== undefined) return false;
    }
    return this.#reader.any.get(volume) === undefined;
  }

  /**
   * Writes what is pending through the open transaction of the writer; `forget` afterwards, once the
   * transaction is committed. With `keepUnused`, what no file uses waits for a few transactions more,
   * since the commit that uses it mostly comes soon: then it is one row, written once.
   */
  flush({ keepUnused = false }: { readonly keepUnused?: boolean } = {}): FlushedChunks {
    const written: Pending[] = [];
    let waitingFrom: Position | undefined;
    for (const pending of this.#pending.values()) {
      for (const chunk of pending.values()) {
        const { location, used, waited } = chunk;
        const mayWait = keepUnused && !used && waited < WAITED_TRANSACTIONS_MAX;
        if (mayWait && location !== undefined) {
          chunk.waited += 1;
          waitingFrom = earlier(waitingFrom ?? location, location);
        } else {
          this.#write(chunk);
          written.push(chunk);
        }
      }
    }
    return { written, waitingFrom };
  }

  #write({ volume, digest, location, isNew, used }: Pending): void {
    const key = shortKey(digest);
    if (location === undefined) {
      this.#writer.lose.run(volume, key, digest);
      return;
    }
    const { segment, offset, length } = location;
    const row = [volume, key, digest, segment, offset, length, used ? 1 : 0] as const;
    if (!isNew && this.#writer.move.run(...row).changes !== 0) return;
    this.#writer.insert.run(...row);
  }

  forget({ written }: FlushedChunks): void {
    for (const chunk of written) {
      const pending = this.#pending.get(chunk.volume);
      // A chunk that came again meanwhile stays: the index has its old place.
      if (pending?.get(chunk.digest) !== chunk) continue;
      pending.delete(chunk.digest);
      this.#pendingCount -= 1;
      if (pending.size === 0) this.#pending.delete(chunk.volume);
    }
  }
}

/** Which of two places comes first in the segments. */
export function earlier<Place extends Position>(left: Place, right: Place): Place {
  if (left.segment !== right.segment) return left.segment < right.segment ? left : right;
  return left.offset <= right.offset ? left : right;
}

function locationOf(row: Record<string, SQLOutputValue>): FrameLocation | undefined {
  if (row['length'] === LOST_LENGTH) return undefined;
  return {
    segment: Number(row['segment']),
    offset: Number(row['offset']),
    length: Number(row['length']),
  };
}
