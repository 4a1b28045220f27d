/** What reads and writes past the page cache want. */

/** Their places, lengths and memory are multiples of this: no disk has larger blocks. */
export const DIRECT_BLOCK_BYTES = 4096;

/** Magic numbers of file systems that keep them coherent with the cache: ext2 to 4, xfs, btrfs. */
export const DIRECT_FILE_SYSTEMS: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e]);

const WASM_PAGE_BYTES = 64 * 1024;

interface Memory {
  readonly buffer: ArrayBufferLike;
}

/** Its type is in the libraries of browsers, and of some packages. */
const { Memory } = Reflect.get(globalThis, 'WebAssembly') as {
  readonly Memory: new (options: {
    readonly initial: number;
    readonly maximum: number;
    readonly shared: boolean;
  }) => Memory;
};

const alignedBuffers = new WeakSet<ArrayBufferLike>();

/**
 * Memory that begins at a page of the processor, with zeros: that of a buffer does not, that of
 * WebAssembly does, but each piece takes gigabytes of the address space. Undefined if there is not
 * enough of it. `shared` with threads.
 */
export function alignedBytes(length: number, { shared = false } = {}): Uint8Array | undefined {
  const pages = Math.ceil(length / WASM_PAGE_BYTES);
  try {
    const { buffer } = new Memory({ initial: pages, maximum: pages, shared });
    alignedBuffers.add(buffer);
    return new Uint8Array(buffer, 0, length);
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** Does a direct read or write take these bytes, from `position` on? */
export function isDirect(bytes: Uint8Array, position: number): boolean {
  const { buffer, byteOffset, length } = bytes;
  return (
    alignedBuffers.has(buffer) &&
    (byteOffset | length) % DIRECT_BLOCK_BYTES === 0 &&
    position % DIRECT_BLOCK_BYTES === 0
  );
}

/** The first place at or behind `position` where a block begins. */
export function blockStart(position: number): number {
  return Math.ceil(position / DIRECT_BLOCK_BYTES) * DIRECT_BLOCK_BYTES;
}
