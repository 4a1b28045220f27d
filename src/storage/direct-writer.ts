import { constants } from 'node:fs';
import { type FileHandle, open, statfs } from 'node:fs/promises';
import { copyBytes, runsOf } from '../base/bytes.ts';
import {
  alignedBytes,
  blockStart,
  DIRECT_BLOCK_BYTES,
  DIRECT_FILE_SYSTEMS,
} from '../base/direct-io.ts';
import { LIMITS } from '../base/limits.ts';

/**
 * Writes past the page cache. What goes through it takes a page of memory for each 4 KiB, which costs
 * more than all else that a write does, and pushes out what is read; and then it waits for the disk
 * all the same, since everything here is synced before anybody is told of it.
 */

/** Absent where the system has no such flag. */
const O_DIRECT: number | undefined = constants.O_DIRECT;

/** The part of a write that can be direct: it begins and ends with a block. */
export interface DirectSpan {
  /** Bytes before it. */
  readonly before: number;
  /** Bytes of it: a multiple of the block. */
  readonly length: number;
}

/** Undefined if a direct write is no gain. Small parts are read soon, many at once: the cache is for them. */
export function directSpan(parts: readonly Uint8Array[], position: number): DirectSpan | undefined {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const isLarge = size >= LIMITS.directWriteBytesMin;
  if (!isLarge || size < parts.length * LIMITS.directPartBytesMin) return undefined;
  const end = position + size;
  const start = blockStart(position);
  return { before: start - position, length: end - (end % DIRECT_BLOCK_BYTES) - start };
}

/** The open file once more, for direct writes; undefined where that is not possible. */
export async function openDirect(handle: FileHandle): Promise<FileHandle | undefined> {
  if (O_DIRECT === undefined) return undefined;
  // By its descriptor: it may have another name by now.
  const path = `/proc/self/fd/${handle.fd}`;
  try {
    const { type } = await statfs(path);
    if (!DIRECT_FILE_SYSTEMS.has(type)) return undefined;
    return await open(path, constants.O_RDWR | O_DIRECT);
  } catch {
    return undefined;
  }
}

/**
 * The memory from which direct writes are made, one write after the other: what is written is copied
 * to where a page begins, as the disk wants it, while the copy before it is on its way.
 */
export class DirectWriter {
  #buffers: readonly Uint8Array[] | undefined;
  #last: Promise<unknown> = Promise.resolve();

  /**
   * Writes all of `parts`, a span. `file` is from `openDirect`. False if it takes no direct writes
   * after all, or there is no memory for them. Rejects with the system's error.
   */
  async write(file: FileHandle, parts: readonly Uint8Array[], position: number): Promise<boolean> {
    const written = this.#last.then(() => this.#write(file, parts, position));
    this.#last = written.catch(() => undefined);
    return await written;
  }

  async #write(file: FileHandle, parts: readonly Uint8Array[], position: number): Promise<boolean> {
    this.#buffers ??= makeBuffers();
    let [free, used] = this.#buffers;
    if (free === undefined || used === undefined) return false;
    let offset = position;
    let writing: Promise<void> = Promise.resolve();
    try {
      for (const run of runsOf(parts, { bytes: LIMITS.directCallBytes, parts: parts.length })) {
        const length = gather(run, free);
        await writing;
        writing = writeAll(file, free.subarray(0, length), offset);
        offset += length;
        [free, used] = [used, free];
      }
      await writing;
      return true;
    } catch (error) {
      if (error instanceof Error && 'code' in error && error.code === 'EINVAL') return false;
      throw error;
    }
  }
}

function makeBuffers(): Uint8Array[] {
  const buffers = [alignedBytes(LIMITS.directCallBytes), alignedBytes(LIMITS.directCallBytes)];
  return buffers.filter((buffer) => buffer !== undefined);
}

function gather(parts: readonly Uint8Array[], target: Uint8Array): number {
  let length = 0;
  for (const part of parts) {
    copyBytes(part, target, length);
    length += part.length;
  }
  return length;
}

async function writeAll(file: FileHandle, bytes: Uint8Array, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await file.write(bytes, done, bytes.length - done, position + done);
    if (bytesWritten === 0) throw Object.assign(new Error('nothing written'), { code: 'ENOSPC' });
    done += bytesWritten;
  }
}
