import { sharedBytes } from '../base/digest.ts';
import { alignedBytes } from '../base/direct-io.ts';
import { LIMITS } from '../base/limits.ts';

/** Smaller buffers are not worth keeping. */
const POOLED_BYTES_MIN = 64 * 1024;

/** Beside a power of two: room for the headers of the frames in a buffer. */
const EXTRA_BYTES = 4 * 1024;

/** The same of what may be written from there, past the page cache: memory for that comes in such units. */
const ALIGNED_EXTRA_BYTES = 64 * 1024;

/**
 * Memory for chunks, used again and again, shared so that other threads can hash it. Without it every
 * chunk would be megabytes of garbage, and the collector, which watches such memory closely, would be
 * the busiest part of the server.
 */
export class BufferPool {
  /** Free buffers by their capacity. */
  readonly #free = new Map<number, ArrayBufferLike[]>();
  /** Buffers in use. One that is given back twice must not be handed out twice. */
  readonly #lent = new WeakSet<ArrayBufferLike>();
  #freeBytes = 0;

  /** `length` bytes with any content. */
  take(length: number): Uint8Array {
    if (length < POOLED_BYTES_MIN) return new Uint8Array(length);
    const power = 2 ** Math.ceil(Math.log2(length - EXTRA_BYTES));
    const isLarge = power >= LIMITS.paddedFrameBytesMin;
    const capacity = power + (isLarge ? ALIGNED_EXTRA_BYTES : EXTRA_BYTES);
    const free = this.#free.get(capacity)?.pop();
    if (free !== undefined) this.#freeBytes -= capacity;
    const buffer = free ?? newBuffer(capacity, isLarge);
    this.#lent.add(buffer);
    return new Uint8Array(buffer, 0, length);
  }

  /**
   * Takes back what `take` gave: nobody may read or write it any more. Memory from elsewhere is
   * left alone.
   */
  give({ buffer }: Uint8Array): void {
    if (!this.#lent.delete(buffer)) return;
    const capacity = buffer.byteLength;
    if (this.#freeBytes + capacity > LIMITS.chunkPoolBytesMax) return;
    const free = this.#free.get(capacity) ?? [];
    free.push(buffer);
    this.#free.set(capacity, free);
    this.#freeBytes += capacity;
  }
}

function newBuffer(capacity: number, isLarge: boolean): ArrayBufferLike {
  const aligned = isLarge ? alignedBytes(capacity, { shared: true }) : undefined;
  return (aligned ?? sharedBytes(capacity)).buffer;
}
