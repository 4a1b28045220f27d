import { sharedBytes } from '../base/digest.ts';
import { alignedBytes, blockStart, DIRECT_BLOCK_BYTES } from '../base/direct-io.ts';
import { assert } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { CHUNK_HEADER_BYTES, encodeChunkHeader } from '../format/chunk-frame.ts';
import type { Chunk } from '../format/manifest.ts';
import type { Session } from './session.ts';

/** Where a chunk lies in its file, in bytes. */
export interface Extent {
  readonly offset: number;
  readonly length: number;
}

/**
 * A buffer laid out as the body of chunk frames: file data is sent from where it was read to, and
 * received to where it is written from, without a copy.
 */
export class ChunkBody {
  readonly #bytes: Uint8Array;
  readonly #extents: readonly Extent[];
  readonly #positions: readonly number[];
  /** Bytes of all frames. */
  readonly size: number;

  /**
   * `extents` are ascending, and `sizeOfBody` of them is at most the length of `bytes`. The layout is
   * that of the wire, frame behind frame; or there are gaps, at most a block before each, so that data
   * lies where a direct write wants it.
   */
  constructor(bytes: Uint8Array, extents: readonly Extent[], layout: 'wire' | 'direct' = 'wire') {
    this.#bytes = bytes;
    this.#extents = extents;
    const positions: number[] = [];
    let end = 0;
    for (const { offset, length } of extents) {
      let position = end + CHUNK_HEADER_BYTES;
      if (layout === 'direct') {
        const place = bytes.byteOffset + position - offset;
        position += blockStart(place) - place;
      }
      positions.push(position);
      end = position + length;
    }
    assert(end <= bytes.length, 'the frames fit into the buffer');
    this.#positions = positions;
    this.size = sizeOfBody(extents);
  }

  /** The frames, one behind the other. */
  get frames(): Uint8Array[] {
    return this.#extents.map(({ length }, index) => {
      const start = this.#start(index);
      return this.#bytes.subarray(start, start + CHUNK_HEADER_BYTES + length);
    });
  }

  /** The frames in the layout of the wire. */
  get bytes(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  /** The place for the data of a chunk. */
  view(index: number): Uint8Array {
    const position = this.#positions[index];
    const extent = this.#extents[index];
    assert(position !== undefined && extent !== undefined, 'the body has that chunk');
    return this.#bytes.subarray(position, position + extent.length);
  }

  /** Are the bytes before the data of chunk `index` the header that `chunk` must have? */
  hasHeader(index: number, chunk: Chunk): boolean {
    const start = this.#start(index);
    return encodeChunkHeader(chunk).every((byte, at) => byte === this.#bytes[start + at]);
  }

  /**
   * Moves the frames at `indexes`, ascending, to the front and returns them. What was behind them
   * is lost: the body must not be used any more.
   */
  pick(indexes: readonly number[]): Uint8Array {
    if (indexes.length === this.#extents.length) return this.bytes;
    let end = 0;
    for (const index of indexes) {
      const start = this.#start(index);
      const frameSize = CHUNK_HEADER_BYTES + this.view(index).length;
      this.#bytes.copyWithin(end, start, start + frameSize);
      end += frameSize;
    }
    return this.#bytes.subarray(0, end);
  }

  #start(index: number): number {
    const position = this.#positions[index];
    assert(position !== undefined, 'the body has that chunk');
    return position - CHUNK_HEADER_BYTES;
  }
}

/** Bytes of the frames of `extents`. */
export function sizeOfBody(extents: readonly Extent[]): number {
  return extents.reduce((sum, { length }) => sum + CHUNK_HEADER_BYTES + length, 0);
}

/** Divides chunks, ascending, into bodies of about `LIMITS.bodyBytesTarget`. */
export function groupChunks<T extends Extent>(chunks: readonly T[]): T[][] {
  const groups: T[][] = [];
  let group: T[] = [];
  let size = 0;
  for (const chunk of chunks) {
    if (!hasRoom(group, size, chunk)) {
      groups.push(group);
      group = [];
      size = 0;
    }
    group.push(chunk);
    size += chunk.length;
  }
  if (group.length > 0) groups.push(group);
  return groups;
}

/** May `chunk` go into the body of `group`, chunks of `size` bytes together? */
export function hasRoom(group: readonly Extent[], size: number, chunk: Extent): boolean {
  if (group.length === 0) return true;
  return group.length < LIMITS.bodyChunksMax && size + chunk.length <= LIMITS.bodyBytesTarget;
}

/** A buffer of a `BodyPool` that somebody has. */
export interface BodyLease extends Disposable {
  readonly bytes: Uint8Array;
}

/**
 * A fixed number of buffers, each large enough for one body. Whoever wants one more waits: this is
 * what bounds the memory, and with it the number of bodies in flight, of all transfers that share it.
 */
export class BodyPool {
  readonly #free: Uint8Array[] = [];
  readonly #waiting: ((bytes: Uint8Array) => void)[] = [];
  #made = 0;

  /** A buffer, the caller's own until it is disposed of, once. */
  async lend(): Promise<BodyLease> {
    const bytes = await this.#take();
    return { bytes, [Symbol.dispose]: () => this.#giveBack(bytes) };
  }

  /** Runs `use` with a buffer that is its own until it settles. */
  async with<T>(use: (bytes: Uint8Array) => Promise<T>): Promise<T> {
    using lease = await this.lend();
    return await use(lease.bytes);
  }

  #giveBack(bytes: Uint8Array): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free.push(bytes);
    else next(bytes);
  }

  #take(): Promise<Uint8Array> | Uint8Array {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#made < LIMITS.transferConcurrency) {
      this.#made += 1;
      return alignedBytes(BODY_BYTES_MAX, { shared: true }) ?? sharedBytes(BODY_BYTES_MAX);
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
}

const pools = new WeakMap<Session, BodyPool>();

/** The buffers for all transfers of a session: together they take no more memory than one. */
export function bodyPoolOf(session: Session): BodyPool {
  let pool = pools.get(session);
  if (pool === undefined) {
    pool = new BodyPool();
    pools.set(session, pool);
  }
  return pool;
}

/** Room for one chunk of the largest size or several that make `bodyBytesTarget`. */
const BODY_BYTES_MAX =
  Math.max(LIMITS.bodyBytesTarget, LIMITS.chunkBytesMax) +
  LIMITS.bodyChunksMax * (CHUNK_HEADER_BYTES + DIRECT_BLOCK_BYTES);
