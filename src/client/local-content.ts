import type { FileHandle } from 'node:fs/promises';
import { asBuffer, bytesEqual } from '../base/bytes.ts';
import { crc32, sha256Async } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import type { Chunk, Manifest } from '../format/manifest.ts';
import type { ByteRange } from './byte-ranges.ts';
import type { BodyPool } from './chunk-body.ts';
import { concurrently } from './concurrently.ts';

const ZEROS = new Uint8Array(LIMITS.chunkBytesDefault);

export interface CheckOptions {
  readonly pool: BodyPool;
  readonly signal: AbortSignal | undefined;
  /** Called with the bytes of each chunk that is good. */
  readonly onGood: (bytes: number) => void;
}

/** Is an open file, byte by byte, the content of a manifest? Stops at the first chunk that is not. */
export async function holdsContent(
  handle: FileHandle,
  manifest: Manifest,
  { pool, signal, onGood }: CheckOptions,
): Promise<boolean> {
  let isGood = true;
  await concurrently(manifest.chunks, LIMITS.transferConcurrency, async (chunk) => {
    signal?.throwIfAborted();
    if (!isGood) return;
    const isSame = await pool.with((bytes) => holdsChunk(handle, chunk, bytes));
    if (isSame) onGood(chunk.length);
    else isGood = false;
  });
  for (const hole of holesOf(manifest)) {
    if (!isGood) break;
    isGood = await pool.with((bytes) => holdsZeros(handle, hole, { bytes, signal }));
  }
  return isGood;
}

/** Makes zeros of what is not in the holes of a file. */
export async function clearHoles(
  handle: FileHandle,
  manifest: Manifest,
  { pool, signal }: Omit<CheckOptions, 'onGood'>,
): Promise<void> {
  for (const hole of holesOf(manifest)) {
    for (const piece of piecesOf(hole)) {
      const isClear = await pool.with((bytes) => holdsZeros(handle, piece, { bytes, signal }));
      if (!isClear) await handle.write(ZEROS, 0, piece.length, piece.offset);
    }
  }
}

/** The gaps between the chunks of a file, and behind them. */
function holesOf({ size, chunks }: Manifest): ByteRange[] {
  const holes: ByteRange[] = [];
  let end = 0;
  for (const { offset, length } of [...chunks, { offset: size, length: 0 }]) {
    if (offset > end) holes.push({ offset: end, length: offset - end });
    end = offset + length;
  }
  return holes;
}

async function holdsChunk(handle: FileHandle, chunk: Chunk, scratch: Uint8Array): Promise<boolean> {
  const view = scratch.subarray(0, chunk.length);
  const { bytesRead } = await handle.read(view, 0, chunk.length, chunk.offset);
  // The checksum is much faster, and enough to know what is not there.
  if (bytesRead < chunk.length || crc32(view) !== chunk.checksum) return false;
  return bytesEqual(await sha256Async(view), chunk.digest);
}

async function holdsZeros(
  handle: FileHandle,
  range: ByteRange,
  { bytes, signal }: { readonly bytes: Uint8Array; readonly signal: AbortSignal | undefined },
): Promise<boolean> {
  for (const { offset, length } of piecesOf(range)) {
    signal?.throwIfAborted();
    const { bytesRead } = await handle.read(bytes, 0, length, offset);
    if (bytesRead < length) return false;
    if (!asBuffer(bytes).subarray(0, length).equals(ZEROS.subarray(0, length))) return false;
  }
  return true;
}

function* piecesOf({ offset, length }: ByteRange): Generator<ByteRange, void, void> {
  for (let done = 0; done < length; done += ZEROS.length) {
    yield { offset: offset + done, length: Math.min(ZEROS.length, length - done) };
  }
}
