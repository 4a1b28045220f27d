import { alignedBytes, blockStart } from '../base/direct-io.ts';
import { LIMITS } from '../base/limits.ts';
import { ROOM_BYTES } from '../storage/segment-files.ts';

/** Beside a power of two: room for what is between the chunks of a run. */
const EXTRA_BYTES = 4 * 1024;

/** Memory to which chunks are read past the page cache, used again and again. */
export class ReadRooms {
  /** Free ones by their size. */
  readonly #free = new Map<number, Uint8Array[]>();
  /** Of all rooms, in use or not. */
  #bytes = 0;
  #bytesMax: number = LIMITS.directReadRoomBytesMax;

  /** Room for `length` bytes; undefined if so much is in use, or they are too few for it. */
  take(length: number): Uint8Array | undefined {
    if (length < LIMITS.directReadBytesMin) return undefined;
    const size = blockStart(
      2 ** Math.ceil(Math.log2(length - EXTRA_BYTES)) + EXTRA_BYTES + ROOM_BYTES,
    );
    return this.#free.get(size)?.pop() ?? this.#make(size);
  }

  /** Takes back what `take` gave: nobody may read or write it any more. */
  give(room: Uint8Array): void {
    const free = this.#free.get(room.length) ?? [];
    free.push(room);
    this.#free.set(room.length, free);
  }

  /** What `take` gave is not to be used again: a write of it may still be under way. */
  lose(room: Uint8Array): void {
    this.#bytes -= room.length;
  }

  #make(size: number): Uint8Array | undefined {
    if (this.#bytes + size > this.#bytesMax) this.#dropFree();
    if (this.#bytes + size > this.#bytesMax) return undefined;
    const room = alignedBytes(size);
    if (room === undefined) this.#bytesMax = this.#bytes;
    else this.#bytes += size;
    return room;
  }

  /** Those of other sizes are in the way. */
  #dropFree(): void {
    for (const [size, free] of this.#free) this.#bytes -= size * free.length;
    this.#free.clear();
  }
}
