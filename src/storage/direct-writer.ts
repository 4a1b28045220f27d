import { constants } from 'node:fs';
import { type FileHandle, open, statfs } from 'node:fs/promises';
import { copyBytes, splitParts } from '../base/bytes.ts';
import {
  alignedBytes,
  blockStart,
  DIRECT_BLOCK_BYTES,
  DIRECT_FILE_SYSTEMS,
  isDirect,
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

/**
 * The open file once more, for direct writes, each of them durable if `isDurable`; undefined where that
 * is not possible.
 */
export async function openDirect(
  handle: FileHandle,
  { isDurable = false }: { readonly isDurable?: boolean } = {},
): Promise<FileHandle | undefined> {
  if (O_DIRECT === undefined) return undefined;
  // By its descriptor: it may have another name by now.
  const path = `/proc/self/fd/${handle.fd}`;
  try {
    const { type } = await statfs(path);
    if (!DIRECT_FILE_SYSTEMS.has(type)) return undefined;
    return await open(path, constants.O_RDWR | O_DIRECT | (isDurable ? constants.O_DSYNC : 0));
  } catch {
    return undefined;
  }
}

/**
 * The memory from which direct writes are made, one write after the other. Parts that lie as the disk
 * wants them are written from there; what is between them is copied to where a page begins, while
 * the write before is on its way.
 */
export class DirectWriter {
  #rooms: readonly Uint8Array[] | undefined;
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
    this.#rooms ??= makeRooms();
    let [free, used] = this.#rooms;
    if (free === undefined || used === undefined) return false;
    let offset = position;
    let left = parts;
    let writing: Promise<void> = Promise.resolve();
    try {
      while (left.length > 0) {
        const aligned = alignParts(left, { position: offset, room: free });
        await writing;
        writing = writeAll(file, aligned.pieces, offset);
        offset += aligned.length;
        [, left] = splitParts(left, aligned.length);
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

function makeRooms(): Uint8Array[] {
  const rooms = [alignedBytes(LIMITS.directRoomBytes), alignedBytes(LIMITS.directRoomBytes)];
  return rooms.filter((room) => room !== undefined);
}

export interface AlignedParts {
  /** Each is in memory, and goes to a place, that a direct write takes. */
  readonly pieces: readonly Uint8Array[];
  /** Bytes of them. */
  readonly length: number;
}

/**
 * The first bytes of `parts` in pieces for one direct write at `position`, where a block begins as it
 * ends with `parts`: views of them, or copies in `room`, which begins with a page and is some blocks
 * long. As many as have room.
 */
export function alignParts(
  parts: readonly Uint8Array[],
  { position, room }: { readonly position: number; readonly room: Uint8Array },
): AlignedParts {
  const pieces: Uint8Array[] = [];
  let length = 0;
  /** What is copied lies before `end`; from `start` on it is in no piece yet. */
  let start = 0;
  let end = 0;
  for (const part of parts) {
    // A view, and the copies around it.
    if (pieces.length + 3 > LIMITS.writePartsMax || length >= LIMITS.directCallBytes) break;
    const whole = part.subarray(0, part.length - (part.length % DIRECT_BLOCK_BYTES));
    const isThere = whole.length > 0 && isDirect(whole, position + length);
    if (isThere) {
      if (end > start) pieces.push(room.subarray(start, end));
      pieces.push(whole);
      start = end;
    }
    const rest = isThere ? part.subarray(whole.length) : part;
    const copied = rest.subarray(0, room.length - end);
    copyBytes(copied, room, end);
    end += copied.length;
    length += part.length - rest.length + copied.length;
    if (copied.length < rest.length) break;
  }
  // What begins a block is left for the next write, with the rest of it.
  const tail = length % DIRECT_BLOCK_BYTES;
  if (end - tail > start) pieces.push(room.subarray(start, end - tail));
  return { pieces, length: length - tail };
}

async function writeAll(
  file: FileHandle,
  parts: readonly Uint8Array[],
  position: number,
): Promise<void> {
  let left = parts;
  for (let offset = position; left.length > 0; ) {
    const { bytesWritten } = await file.writev(left, offset);
    if (bytesWritten === 0) throw Object.assign(new Error('nothing written'), { code: 'ENOSPC' });
    offset += bytesWritten;
    [, left] = splitParts(left, bytesWritten);
  }
}
