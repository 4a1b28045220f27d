import { readSync } from 'node:fs';
import { asBuffer } from '../../base/bytes.ts';
import { alignedBytes, DIRECT_BLOCK_BYTES } from '../../base/direct-io.ts';

/**
 * Holes read past the page cache. Read through it, a hole costs as many pages of memory, filled with
 * zeros one by one, as data would; read directly it costs one write to the buffer, a fiftieth.
 */

/** Bytes of one read. */
const STEP_BYTES = 256 * 1024;
const ZEROS = new Uint8Array(STEP_BYTES);

/** Made when first needed, for each thread. */
let scratch: Uint8Array | undefined;

/** Is all of the range zero? False also if that cannot be found out; `file` is from `openDirect`. */
export function isZeroRange(file: number, offset: number, length: number): boolean {
  scratch ??= alignedBytes(STEP_BYTES);
  if (scratch === undefined) return false;
  const end = offset + length;
  for (let start = offset - (offset % DIRECT_BLOCK_BYTES); start < end; start += STEP_BYTES) {
    const wanted = Math.min(
      STEP_BYTES,
      Math.ceil((end - start) / DIRECT_BLOCK_BYTES) * DIRECT_BLOCK_BYTES,
    );
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
