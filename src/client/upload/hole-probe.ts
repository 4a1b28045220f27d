import { constants, readSync } from 'node:fs';
import { type FileHandle, open, statfs } from 'node:fs/promises';
import { asBuffer } from '../../base/bytes.ts';

/**
 * Holes read past the page cache. Read through it, a hole costs as many pages of memory, filled with
 * zeros one by one, as data would; read directly it costs one write to the buffer, a fiftieth.
 */

/** Magic numbers of file systems that keep direct and cached reads coherent: ext2 to 4, xfs, btrfs. */
const COHERENT_TYPES: ReadonlySet<number> = new Set([0xef53, 0x58465342, 0x9123683e]);
/** Absent where the system has no such flag. */
const O_DIRECT: number | undefined = constants.O_DIRECT;

/** What places and lengths of direct reads are multiples of. */
const ALIGNMENT = 4096;
/** Bytes of one read. */
const STEP_BYTES = 256 * 1024;
const WASM_PAGE_BYTES = 64 * 1024;
const ZEROS = new Uint8Array(STEP_BYTES);

/** Made when first needed, for each thread. */
let scratch: Uint8Array | undefined;

/** The open file once more, for `isZeroRange`; undefined where that is not possible or no gain. */
export async function openForProbe(handle: FileHandle): Promise<FileHandle | undefined> {
  if (O_DIRECT === undefined) return undefined;
  // By its descriptor: at its path there may be another file by now.
  const path = `/proc/self/fd/${handle.fd}`;
  try {
    const { type } = await statfs(path);
    if (!COHERENT_TYPES.has(type)) return undefined;
    return await open(path, constants.O_RDONLY | O_DIRECT);
  } catch {
    return undefined;
  }
}

/** Is all of the range zero? False also if that cannot be found out; `file` is from `openForProbe`. */
export function isZeroRange(file: number, offset: number, length: number): boolean {
  // Memory of WebAssembly begins at a page of the processor; that of a buffer does not.
  const pages = STEP_BYTES / WASM_PAGE_BYTES;
  scratch ??= new Uint8Array(new WebAssembly.Memory({ initial: pages, maximum: pages }).buffer);
  const end = offset + length;
  for (let start = offset - (offset % ALIGNMENT); start < end; start += STEP_BYTES) {
    const wanted = Math.min(STEP_BYTES, Math.ceil((end - start) / ALIGNMENT) * ALIGNMENT);
    const count = readAt(file, scratch.subarray(0, wanted), start);
    const from = Math.max(0, offset - start);
    const to = Math.min(wanted, end - start);
    if (count < to || !isZero(scratch.subarray(from, to))) return false;
  }
  return true;
}

/** `bytes` are not longer than a step. */
export function isZero(bytes: Uint8Array): boolean {
  return asBuffer(bytes).equals(ZEROS.subarray(0, bytes.length));
}

/** Bytes read; none if it fails. */
function readAt(file: number, bytes: Uint8Array, position: number): number {
  try {
    return readSync(file, bytes, 0, bytes.length, position);
  } catch {
    return 0;
  }
}
