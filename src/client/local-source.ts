import { constants } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { crc32 } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { findByChecksum } from '../base/rolling-checksum.ts';
import { systemCode } from '../base/system-error.ts';
import type { Chunk } from '../format/manifest.ts';

const { O_NOCTTY, O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/**
 * A local file that may have chunks of the wanted content, such as an older version of it. An
 * insertion moves all that follows by the same distance, so a chunk is looked for where the last one
 * was found, relative to its place, then where it would be if all of the difference in size lay before
 * or behind it; and if two in a row are not there, around that place.
 *
 * What is found has the right CRC-32: the caller checks the digest of the bytes it was given, since
 * the file may be written to meanwhile.
 */
export class LocalSource {
  readonly #handle: FileHandle;
  readonly #size: number;
  /** Bytes from a chunk's place in the wanted file to that in this one. */
  readonly #sizeShift: number;
  #shift = 0;
  #missesInARow = 0;
  #searchesLeft: number = LIMITS.reuseSearchesMax;

  /** `size` is that of the file, `wantedSize` that of the content. */
  constructor(handle: FileHandle, size: number, wantedSize: number) {
    this.#handle = handle;
    this.#size = size;
    this.#sizeShift = size - wantedSize;
  }

  /** Reads the chunk's bytes into `view` if they are here. Calls must not overlap. */
  async find(chunk: Chunk, view: Uint8Array): Promise<boolean> {
    for (const shift of new Set([this.#shift, 0, this.#sizeShift])) {
      if (!(await this.#isAt(chunk, chunk.offset + shift, view))) continue;
      this.#found(shift);
      return true;
    }
    this.#missesInARow += 1;
    const offset = await this.#search(chunk);
    if (offset === undefined || !(await this.#isAt(chunk, offset, view))) return false;
    this.#found(offset - chunk.offset);
    this.#searchesLeft += 1;
    return true;
  }

  #found(shift: number): void {
    this.#shift = shift;
    this.#missesInARow = 0;
  }

  async #isAt(chunk: Chunk, offset: number, view: Uint8Array): Promise<boolean> {
    const { length, checksum } = chunk;
    if (offset < 0 || offset + length > this.#size) return false;
    return (await this.#read(view, offset)) === length && crc32(view) === checksum;
  }

  /** Bytes read: none where the disk is bad, since what is not here can be fetched. */
  async #read(view: Uint8Array, offset: number): Promise<number> {
    try {
      const { bytesRead } = await this.#handle.read(view, 0, view.length, offset);
      return bytesRead;
    } catch (cause) {
      if (systemCode(cause) === undefined) throw cause;
      return 0;
    }
  }

  /** Where the chunk is, not far from where it should be. */
  async #search({ offset, length, checksum }: Chunk): Promise<number | undefined> {
    if (!isPowerOfTwo(this.#missesInARow) || this.#missesInARow < 2) return undefined;
    if (this.#searchesLeft === 0) return undefined;
    this.#searchesLeft -= 1;
    const expected = offset + this.#shift;
    const start = Math.max(0, expected - LIMITS.reuseSearchBytes);
    const end = Math.min(this.#size, expected + length + LIMITS.reuseSearchBytes);
    if (end - start < length) return undefined;
    const bytes = new Uint8Array(end - start);
    const bytesRead = await this.#read(bytes, start);
    const found = findByChecksum(bytes.subarray(0, bytesRead), length, checksum);
    return found === undefined ? undefined : start + found;
  }
}

function isPowerOfTwo(count: number): boolean {
  return (count & (count - 1)) === 0;
}

/**
 * Opens a local file to take chunks from it; undefined if there is none, it cannot be read, or is not
 * a regular file. A link is not followed.
 */
export async function openToReuse(path: string): Promise<FileHandle | undefined> {
  let handle: FileHandle;
  try {
    handle = await open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause;
    return undefined;
  }
  if ((await handle.stat()).isFile()) return handle;
  await handle.close();
  return undefined;
}
