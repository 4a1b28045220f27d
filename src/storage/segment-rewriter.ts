import { setTimeout } from 'node:timers/promises';
import { crc32 } from '../base/digest.ts';
import { alignedBytes } from '../base/direct-io.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  decodeSegmentHeader,
  encodeFrameHeader,
  encodeSegmentHeader,
  encodeTable,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  rewrittenHeader,
  SEGMENT_HEADER_BYTES,
  TableBuilder,
  WATERMARK_OFFSETS,
} from '../format/segment.ts';
import type { Disk, DiskFile } from './disk.ts';
import { type PaddingFrame, type FreedLayout, holeOf } from './freed-layout.ts';
import { SEGMENTS_DIRECTORY, segmentPath } from './segment-files.ts';

/** A sealed segment that is written anew, and how. */
export interface Rewriting {
  readonly segment: number;
  readonly layout: FreedLayout;
  /** Where its table begins, and is to begin. */
  readonly tableOffset: number;
  /** Of the new file. */
  readonly edition: Uint8Array;
}

/** What a segment takes of the disk. */
export interface RewrittenBytes {
  readonly before: number;
  readonly after: number;
}

/**
 * Writes a sealed segment anew beside the old one, in its own shape: what is kept has its old place,
 * what is freed is zeros that are never written. Bytes that are kept are copied as they are, damage too.
 *
 * Commit point: the rename. Killed before it, the old file is there, and the new one means nothing. Nothing
 * that the index says of frames that are kept depends on which of them is there. Throws `no_space`, the
 * reason of `signal`; then nothing has happened. Once it has been renamed, `onRenamed` is called.
 */
export async function rewriteSegment(
  disk: Disk,
  rewriting: Rewriting,
  { signal, onRenamed }: { readonly signal: AbortSignal; readonly onRenamed: () => void },
): Promise<RewrittenBytes> {
  const { segment } = rewriting;
  const path = segmentPath(segment, 'seg');
  const temporary = segmentPath(segment, 'seg.new');
  const old = await disk.open(path);
  let bytes: RewrittenBytes;
  try {
    await disk.remove(temporary);
    const file = await disk.open(temporary, { create: true });
    try {
      await writeAnew({ old, file }, rewriting, signal);
      await file.sync();
      bytes = { before: await old.allocatedBytes(), after: await file.allocatedBytes() };
    } finally {
      await file.close();
    }
    await disk.rename(temporary, path);
  } catch (error) {
    await disk.remove(temporary).catch(() => undefined);
    throw error;
  } finally {
    await old.close();
  }
  onRenamed();
  await disk.syncDirectory(SEGMENTS_DIRECTORY);
  return bytes;
}

interface Files {
  readonly old: DiskFile;
  readonly file: DiskFile;
}

async function writeAnew(
  files: Files,
  { segment, layout, tableOffset, edition }: Rewriting,
  signal: AbortSignal,
): Promise<void> {
  const { old, file } = files;
  const head = new Uint8Array(SEGMENT_HEADER_BYTES);
  await readWhole(old, head, 0);
  const header = decodeSegmentHeader(head);
  const { storeId } = header;
  const first = encodeSegmentHeader(rewrittenHeader(header, edition));
  // The watermarks, which have pages of their own, stay as they are.
  head.set(first.subarray(0, WATERMARK_OFFSETS[0]));
  await file.write([head], 0);
  const windowBytes = LIMITS.segmentWriteBytesMax;
  // Past the page cache, if that is possible: nobody reads it soon.
  const room = alignedBytes(windowBytes) ?? new Uint8Array(windowBytes);
  const { padding } = layout;
  let from = 0;
  for (let start = SEGMENT_HEADER_BYTES; start < tableOffset; ) {
    signal.throwIfAborted();
    const end = Math.min(tableOffset, start - (start % windowBytes) + windowBytes);
    while (from < padding.length && endOf(padding[from]) <= start) from += 1;
    let until = from;
    while ((padding[until]?.offset ?? end) < end) until += 1;
    const startMs = performance.now();
    const window = { segment, storeId, start, bytes: room.subarray(0, end - start) };
    await copyWindow(files, window, padding.slice(from, until));
    // No more than half of the disk's time: others have a server to wait for.
    const tookMs = performance.now() - startMs;
    if (tookMs > 1) await setTimeout(Math.min(tookMs, LIMITS.sweepPauseMsMax));
    start = end;
  }
  const table = new TableBuilder();
  for (const entry of layout.entries) table.add(entry);
  await file.write(encodeTable(table, { storeId, segment, offset: tableOffset }), tableOffset);
}

interface Window {
  readonly segment: number;
  readonly storeId: Uint8Array;
  /** Where it begins in the segment. */
  readonly start: number;
  readonly bytes: Uint8Array;
}

/** Copies what lies in a window; `padding` is that which is in there, some only in part. */
async function copyWindow(
  { old, file }: Files,
  { segment, storeId, start, bytes }: Window,
  padding: readonly PaddingFrame[],
): Promise<void> {
  const end = start + bytes.length;
  const paddingBytes = padding.reduce((sum, frame) => {
    return sum + Math.min(end, endOf(frame)) - Math.max(start, frame.offset);
  }, 0);
  if (paddingBytes < bytes.length) await readWhole(old, bytes, start);
  const writes: Promise<void>[] = [];
  const writeOut = (first: number, last: number): void => {
    if (last > first) writes.push(file.write([bytes.subarray(first - start, last - start)], first));
  };
  let written = start;
  for (const frame of padding) {
    const first = Math.max(start, frame.offset);
    bytes.fill(0, first - start, Math.min(end, endOf(frame)) - start);
    if (first < frame.offset + FRAME_HEADER_BYTES) {
      const header = paddingHeader(frame, segment, storeId);
      bytes.set(header.subarray(first - frame.offset, end - frame.offset), first - start);
    }
    const hole = holeOf(frame);
    if (hole.length === 0) continue;
    const holeStart = Math.max(written, Math.min(end, hole.start));
    writeOut(written, holeStart);
    written = Math.min(end, Math.max(holeStart, hole.start + hole.length));
  }
  writeOut(written, end);
  for (const result of await Promise.allSettled(writes)) {
    if (result.status === 'rejected') throw result.reason;
  }
}

const ZEROS = new Uint8Array(64 * 1024);

function paddingHeader(
  { offset, length }: PaddingFrame,
  segment: number,
  storeId: Uint8Array,
): Uint8Array {
  let checksum = 0;
  for (let left = length; left > 0; left -= ZEROS.length) {
    checksum = crc32(ZEROS.subarray(0, Math.min(left, ZEROS.length)), checksum);
  }
  return encodeFrameHeader(
    { kind: FRAME_KIND.padding, segment, offset, length, checksum },
    storeId,
  );
}

function endOf(frame: PaddingFrame | undefined): number {
  return frame === undefined ? 0 : frame.offset + FRAME_HEADER_BYTES + frame.length;
}

async function readWhole(file: DiskFile, target: Uint8Array, position: number): Promise<void> {
  if ((await file.read(target, position, { aside: true })) === target.length) return;
  throw new GdpfsError(
    'corrupt',
    `cannot copy a segment: it ends before ${position + target.length}`,
  );
}
