import { asBuffer } from '../base/bytes.ts';
import { CHUNK_PREFIX_BYTES } from '../format/segment.ts';
import { type IndexDatabase, prepareAll, reading } from '../storage/index-db.ts';
import type { FrameLocation } from '../storage/segment-writer.ts';

/** In place of a length: what was there is not the chunk any more. */
const LOST_LENGTH = -1;

const SQL = {
  place: 'SELECT segment, offset, length FROM chunk WHERE volume = ? AND digest = ?',
  used: 'SELECT used FROM chunk WHERE volume = ? AND digest = ?',
  any: 'SELECT 1 FROM chunk WHERE volume = ? LIMIT 1',
  put: `INSERT INTO chunk (volume, digest, segment, offset, length, used) VALUES (?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE
    SET segment = excluded.segment, offset = excluded.offset, length = excluded.length,
      used = max(used, excluded.used)`,
  lose: `UPDATE chunk SET length = ${LOST_LENGTH} WHERE volume = ? AND digest = ?`,
  use: 'UPDATE chunk SET used = 1 WHERE volume = ? AND digest = ? AND used = 0',
} as const;

interface Pending {
  readonly volume: number;
  readonly digest: Uint8Array;
  /** Undefined for a chunk that is found no more. */
  readonly location: FrameLocation | undefined;
  used: boolean;
}

/** A chunk that is stored. */
export interface FoundChunk {
  readonly location: FrameLocation;
  /** Does a committed file name it, or has one done so? */
  readonly used: boolean;
}

/** What a flush has written, for `forget`. */
export type FlushedChunks = ReadonlyMap<string, Pending>;

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
  readonly #pending = new Map<string, Pending>();

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
    return this.#pending.size;
  }

  /** A chunk frame became durable. */
  add(volume: number, digest: Uint8Array, location: FrameLocation): void {
    this.#pending.set(key(volume, digest), { volume, digest, location, used: false });
  }

  /** The bytes at the place are not those of the chunk: it counts as missing until it comes again. */
  removeRotten(volume: number, digest: Uint8Array, location: FrameLocation): void {
    const found = this.find(volume, digest);
    const isSame = found?.segment === location.segment && found.offset === location.offset;
    if (!isSame) return;
    this.#pending.set(key(volume, digest), { volume, digest, location: undefined, used: false });
  }

  /** A file that names the chunk is being committed; for the open transaction of the writer. */
  use(volume: number, digest: Uint8Array): void {
    const pending = this.#pending.get(key(volume, digest));
    // Mostly the chunk has just come, and goes into the index with the commit that uses it.
    if (pending?.location === undefined) this.#writer.use.run(volume, digest);
    else pending.used = true;
  }

  /** The chunk's frame, or undefined. */
  find(volume: number, digest: Uint8Array): FrameLocation | undefined {
    const pending = this.#pending.get(key(volume, digest));
    return pending === undefined ? this.#stored(volume, digest) : pending.location;
  }

  /** The chunk and whether files use it, or undefined. */
  lookUp(volume: number, digest: Uint8Array): FoundChunk | undefined {
    const pending = this.#pending.get(key(volume, digest));
    const location = pending === undefined ? this.#stored(volume, digest) : pending.location;
    if (location === undefined) return undefined;
    const used = pending?.used === true || this.#reader.used.get(volume, digest)?.['used'] === 1;
    return { location, used };
  }

  #stored(volume: number, digest: Uint8Array): FrameLocation | undefined {
    const row = this.#writer.place.get(volume, digest);
    if (row === undefined || row['length'] === LOST_LENGTH) return undefined;
    return {
      segment: Number(row['segment']),
      offset: Number(row['offset']),
      length: Number(row['length']),
    };
  }

  /** Bytes of data in the chunk, or undefined if it is not stored. */
  dataLength(volume: number, digest: Uint8Array): number | undefined {
    const location = this.find(volume, digest);
    return location === undefined ? undefined : location.length - CHUNK_PREFIX_BYTES;
  }

  isEmpty(volume: number): boolean {
    for (const pending of this.#pending.values()) {
      if (pending.volume === volume && pending.location !== undefined) return false;
    }
    return this.#reader.any.get(volume) === undefined;
  }

  /**
   * Writes what is pending through the open transaction of the writer; `forget` afterwards, once the
   * transaction is committed.
   */
  flush(): FlushedChunks {
    for (const { volume, digest, location, used } of this.#pending.values()) {
      if (location === undefined) {
        this.#writer.lose.run(volume, digest);
      } else {
        const { segment, offset, length } = location;
        this.#writer.put.run(volume, digest, segment, offset, length, used ? 1 : 0);
      }
    }
    return new Map(this.#pending);
  }

  forget(flushed: FlushedChunks): void {
    // A chunk that came again meanwhile stays: the index has its old place.
    for (const [name, pending] of flushed) {
      if (this.#pending.get(name) === pending) this.#pending.delete(name);
    }
  }
}

function key(volume: number, digest: Uint8Array): string {
  return `${volume}:${asBuffer(digest).toString('latin1')}`;
}
