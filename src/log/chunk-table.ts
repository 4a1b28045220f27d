import type { SQLOutputValue } from 'node:sqlite';
import { bytesEqual } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';
import { CHUNK_PREFIX_BYTES } from '../format/segment.ts';
import { type IndexDatabase, prepareAll, reading, shortKey } from '../storage/index-db.ts';
import type { FrameLocation } from '../storage/segment-layout.ts';
import { earlier, type WaitingLimits, WaitingRows } from './waiting-rows.ts';

/** In place of a length: what was there is not the chunk any more. */
const LOST_LENGTH = -1;
const LOST: FrameLocation = { segment: 0, offset: 0, length: LOST_LENGTH };

const SQL = {
  places: 'SELECT digest, segment, offset, length FROM chunk WHERE volume = ? AND key = ?',
  used: 'SELECT used FROM chunk WHERE volume = ? AND key = ? AND digest = ?',
  any: 'SELECT 1 FROM chunk WHERE volume = ? LIMIT 1',
  insert: `INSERT INTO chunk (volume, key, digest, segment, offset, length, used)
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)`,
  move: `UPDATE chunk SET segment = ?4, offset = ?5, length = ?6, used = max(used, ?7)
    WHERE volume = ?1 AND key = ?2 AND digest = ?3`,
  use: 'UPDATE chunk SET used = 1 WHERE volume = ? AND key = ? AND digest = ? AND used = 0',
  row: 'SELECT segment, offset, length, used FROM chunk WHERE volume = ? AND key = ? AND digest = ?',
  free: 'DELETE FROM chunk WHERE volume = ? AND key = ? AND digest = ?',
  // A place that no lost chunk has, so that those are told apart which were forgotten and not found again.
  forget: `UPDATE chunk SET segment = 0, offset = 1, length = ${LOST_LENGTH}
    WHERE segment IN (SELECT value FROM json_each(?))`,
  dropForgotten: `DELETE FROM chunk WHERE length = ${LOST_LENGTH} AND offset = 1`,
} as const;

interface WaitingChunk {
  readonly volume: number;
  readonly digest: Uint8Array;
  /** Undefined for a chunk that is found no more. */
  location: FrameLocation | undefined;
  /** The index had no row of it, for sure, nor was one on its way. */
  readonly isNew: boolean;
  used: boolean;
}

/** Is told of chunks by volume and digest. */
export type OnChunk = (volume: number, digest: Uint8Array) => void;

/** What there is of a chunk, without anybody being told of it. */
export interface ChunkRow {
  /** Undefined for one that is lost. */
  readonly location: FrameLocation | undefined;
  readonly used: boolean;
  /** It has just come. */
  readonly isWaiting: boolean;
}

/** A chunk that is stored. */
export interface FoundChunk {
  readonly location: FrameLocation;
  /** Does a committed file name it, or has one done so? */
  readonly used: boolean;
}

/**
 * Where chunk bytes lie, by volume and digest. A chunk is found from the moment it is durable: what
 * the index has not stored yet waits here. Places are read through the writer, also inside of its
 * open transaction: they are of durable chunks in any case, and after each commit the reader must
 * fetch every page again. Whether files use a chunk is read through the reader: only that may still
 * be undone.
 */
export class ChunkTable {
  readonly #index: Pick<IndexDatabase, 'reader' | 'writer'>;
  readonly #reader: ReturnType<typeof prepareAll<keyof typeof SQL>>;
  readonly #writer: ReturnType<typeof prepareAll<keyof typeof SQL>>;
  readonly waiting: WaitingRows<WaitingChunk>;
  /**
   * By volume, short keys of some chunks that the index was asked for, where it has no row of that key:
   * whoever sends a chunk has mostly asked for it before.
   */
  readonly #absent = new Map<number, Set<number>>();
  #absentCount = 0;
  /**
   * Called for each chunk that is stored, named by a commit, or found for somebody who may go on to name it:
   * there is no other way to learn that a chunk is there but to read it.
   */
  onRelied: OnChunk = () => undefined;
  /** Called for each of them that somebody is told of who comes back later. */
  onTold: OnChunk = () => undefined;

  constructor(index: Pick<IndexDatabase, 'reader' | 'writer'>, limits?: WaitingLimits) {
    this.#index = index;
    this.#reader = prepareAll(index.reader, SQL);
    this.#writer = prepareAll(index.writer, SQL);
    this.waiting = new WaitingRows((chunk) => this.#write(chunk), limits);
  }

  /** For many questions at once. */
  reading<T>(read: () => T): T {
    const { reader, writer } = this.#index;
    return reading(writer, () => reading(reader, read));
  }

  /** A chunk frame became durable. */
  add(volume: number, digest: Uint8Array, location: FrameLocation): void {
    const before = this.#waiting(volume, digest);
    // From now on there may be a row.
    const isAbsent = this.#absent.get(volume)?.delete(shortKey(digest)) === true;
    if (isAbsent) this.#absentCount -= 1;
    const isNew = isAbsent && before === undefined;
    const chunk = { volume, digest, location, isNew, used: before?.used === true };
    this.waiting.set(chunk, location);
    this.onRelied(volume, digest);
  }

  /** Somebody is told that the chunk is there, and may rely on that for some time. */
  tell(volume: number, digest: Uint8Array): void {
    this.onTold(volume, digest);
    this.onRelied(volume, digest);
  }

  row(volume: number, digest: Uint8Array): ChunkRow | undefined {
    const waiting = this.#waiting(volume, digest);
    if (waiting !== undefined) return { ...waiting, isWaiting: true };
    const row = this.#writer.row.get(volume, shortKey(digest), digest);
    return row && { location: locationOf(row), used: row['used'] === 1, isWaiting: false };
  }

  /**
   * Takes the chunk out of the index, if that is its place, in the open transaction. Undefined if it is not, or
   * if it has just come; otherwise whether files have used it.
   */
  free(
    volume: number,
    digest: Uint8Array,
    { segment, offset }: FrameLocation,
  ): boolean | undefined {
    const row = this.row(volume, digest);
    if (row === undefined || row.isWaiting) return undefined;
    if (row.location?.segment !== segment || row.location.offset !== offset) return undefined;
    this.#writer.free.run(volume, shortKey(digest), digest);
    return row.used;
  }

  /** Takes `free` back, unless the chunk has come again. */
  putBack(
    volume: number,
    digest: Uint8Array,
    { segment, offset, length, used }: FrameLocation & { readonly used: boolean },
  ): void {
    if (this.find(volume, digest) !== undefined) return;
    this.#absent.get(volume)?.delete(shortKey(digest));
    this.#writer.insert.run(
      volume,
      shortKey(digest),
      digest,
      segment,
      offset,
      length,
      used ? 1 : 0,
    );
  }

  /** No chunk is found in these segments any more. For a start, like the next. */
  forget(segments: readonly number[]): void {
    this.#writer.forget.run(JSON.stringify(segments));
  }

  /** A chunk that was forgotten lies there, unless one was found behind it. */
  addAgain(volume: number, digest: Uint8Array, location: FrameLocation): void {
    const found = this.find(volume, digest);
    if (found === undefined || earlier(found, location) === found)
      this.add(volume, digest, location);
  }

  /** Of what was forgotten and not found again, nothing need be known. What waited has been written. */
  dropForgotten(): void {
    this.#writer.dropForgotten.run();
  }

  /**
   * The bytes at the place are not those of the chunk: it counts as missing until it comes again. True
   * if that is news; then `writeRotten` is to follow in the next transaction.
   */
  removeRotten(volume: number, digest: Uint8Array, { segment, offset }: FrameLocation): boolean {
    const found = this.find(volume, digest);
    if (found?.segment !== segment || found.offset !== offset) return false;
    const leaving = this.waiting.leaving(volume, digest);
    if (leaving !== undefined) leaving.location = undefined;
    const used = this.#waiting(volume, digest)?.used === true;
    this.waiting.set({ volume, digest, location: undefined, isNew: false, used }, undefined);
    return true;
  }

  /** Takes the chunk's place out of the index, unless it has come again. For the open transaction. */
  writeRotten(volume: number, digest: Uint8Array): void {
    const chunk = this.waiting.coming(volume, digest);
    if (chunk !== undefined && chunk.location === undefined) this.#write(chunk);
  }

  /** The index has no row of that key, nor is a chunk waiting that will have one. */
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

  /** A file that names the chunk is durable and about to be committed by the open transaction. */
  use(volume: number, digest: Uint8Array): void {
    this.onRelied(volume, digest);
    // Mostly the chunk has just come, and goes into the index later.
    const coming = this.waiting.coming(volume, digest);
    if (coming !== undefined) coming.used = true;
    if (coming?.location !== undefined) return;
    const leaving = this.waiting.leaving(volume, digest);
    if (leaving !== undefined) leaving.used = true;
    this.#writer.use.run(volume, shortKey(digest), digest);
  }

  /** The chunk's frame, or undefined. */
  find(volume: number, digest: Uint8Array): FrameLocation | undefined {
    const waiting = this.#waiting(volume, digest);
    return waiting === undefined ? this.#indexed(volume, digest) : waiting.location;
  }

  /** The chunk and whether files use it, or undefined. */
  lookUp(volume: number, digest: Uint8Array): FoundChunk | undefined {
    const waiting = this.#waiting(volume, digest);
    const location = waiting === undefined ? this.#indexed(volume, digest) : waiting.location;
    if (location === undefined) return undefined;
    this.onRelied(volume, digest);
    if (waiting?.used === true) return { location, used: true };
    const used = this.#reader.used.get(volume, shortKey(digest), digest)?.['used'] === 1;
    return { location, used };
  }

  #waiting(volume: number, digest: Uint8Array): WaitingChunk | undefined {
    return this.waiting.coming(volume, digest) ?? this.waiting.leaving(volume, digest);
  }

  #indexed(volume: number, digest: Uint8Array): FrameLocation | undefined {
    const key = shortKey(digest);
    if (this.#absent.get(volume)?.has(key) === true) return undefined;
    // One row at most in all but strange cases, and asking for one takes half the time.
    const first = this.#writer.places.get(volume, key);
    const willHaveRow = this.waiting.hasKeyOf(volume, digest);
    if (first === undefined && !willHaveRow) this.#noteAbsent(volume, key);
    if (first === undefined || isOf(first, digest)) return first && locationOf(first);
    const row = this.#writer.places.all(volume, key).find((found) => isOf(found, digest));
    return row && locationOf(row);
  }

  /** Bytes of data in the chunk, or undefined if it is not stored. */
  dataLength(volume: number, digest: Uint8Array): number | undefined {
    const location = this.find(volume, digest);
    if (location === undefined) return undefined;
    this.onRelied(volume, digest);
    return location.length - CHUNK_PREFIX_BYTES;
  }

  isEmpty(volume: number): boolean {
    for (const { location } of this.waiting.of(volume)) if (location !== undefined) return false;
    return this.#reader.any.get(volume) === undefined;
  }

  #write({ volume, digest, location, isNew, used }: WaitingChunk): void {
    const key = shortKey(digest);
    const { segment, offset, length } = location ?? LOST;
    const row = [volume, key, digest, segment, offset, length, used ? 1 : 0] as const;
    if (!isNew && this.#writer.move.run(...row).changes !== 0) return;
    // Of a lost chunk that no file has used, nothing need be known.
    if (location !== undefined || used) this.#writer.insert.run(...row);
  }
}

function isOf(row: Record<string, SQLOutputValue>, digest: Uint8Array): boolean {
  return bytesEqual(row['digest'] as Uint8Array, digest);
}

function locationOf(row: Record<string, SQLOutputValue>): FrameLocation | undefined {
  if (row['length'] === LOST_LENGTH) return undefined;
  return {
    segment: Number(row['segment']),
    offset: Number(row['offset']),
    length: Number(row['length']),
  };
}
