import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Disk, DiskFile } from './disk.ts';
import { SEGMENTS_DIRECTORY } from './segment-files.ts';

/**
 * Makes durable what lies behind the last watermark, before anyone sees it. A kill may have left it
 * in the page cache only; after a failed sync it may lie there in pages that the kernel takes for
 * clean and will never write. So it is written again, and then synced.
 */
export async function settleTail(
  file: DiskFile,
  tail: { readonly from: number; readonly size: number },
): Promise<void> {
  if (tail.from >= tail.size) return;
  const piece = new Uint8Array(Math.min(LIMITS.segmentWriteBytesMax, tail.size - tail.from));
  for (let offset = tail.from; offset < tail.size; offset += piece.length) {
    const length = await file.read(piece, offset);
    await file.write([piece.subarray(0, length)], offset);
  }
  await file.sync();
}

/** Moves what lies behind `tail` to a file of its own, then cuts it off. */
export async function cutTail(
  options: { readonly disk: Disk; readonly warn: (message: string) => void },
  torn: { file: DiskFile; segment: number; tail: number; size: number },
): Promise<void> {
  const length = torn.size - torn.tail;
  const name = `${String(torn.segment).padStart(10, '0')}-${torn.tail}.torn`;
  const bytes = new Uint8Array(Math.min(length, LIMITS.segmentQueueBytesMax));
  await torn.file.read(bytes, torn.tail);
  const kept = (await keepTail(options.disk, name, bytes))
    ? `moved to ${name}`
    : 'the disk is full';
  options.warn(
    `segment ${torn.segment}: ${length} bytes behind ${torn.tail} were never acknowledged: ${kept}`,
  );
  await torn.file.truncate(torn.tail);
  await torn.file.sync();
}

/** For inspection only, so a full disk is no reason to stop: returns false. */
async function keepTail(disk: Disk, name: string, bytes: Uint8Array): Promise<boolean> {
  const names = await disk.list(SEGMENTS_DIRECTORY);
  const old = names.filter((other) => other.endsWith('.torn') && other !== name);
  const surplus = old.slice(0, Math.max(0, old.length + 1 - LIMITS.tornTailsMax));
  for (const other of [...surplus, name]) await disk.remove(`${SEGMENTS_DIRECTORY}/${other}`);
  const path = `${SEGMENTS_DIRECTORY}/${name}`;
  try {
    const copy = await disk.open(path, { create: true });
    try {
      await copy.write([bytes], 0);
    } finally {
      await copy.close();
    }
    return true;
  } catch (error) {
    if (!isGdpfsError(error, 'no_space')) throw error;
    await disk.remove(path);
    return false;
  }
}
