import { DIRECT_BLOCK_BYTES } from '../base/direct-io.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { LIMITS } from '../base/limits.ts';
import { FRAME_HEADER_BYTES, FRAME_KIND, type TableEntry } from '../format/segment.ts';

/** A frame of padding. */
export interface PaddingFrame {
  /** Of its header in the segment. */
  readonly offset: number;
  /** Bytes of its payload. */
  readonly length: number;
}

/** A sealed segment as it is to be once some of its frames are freed: all others stay where they are. */
export interface FreedLayout {
  /** All frames, for the table. */
  readonly entries: readonly TableEntry[];
  /** Padding whose zeros need not be written, where frames are freed or were before, ascending. */
  readonly padding: readonly PaddingFrame[];
  /** Bytes of whole blocks of the disk that are zeros then, and were not before. */
  readonly bytes: number;
}

const NO_NAME = new Uint8Array(DIGEST_BYTES);

/** Frames one behind the other that may all be one. */
interface Run {
  readonly entries: TableEntry[];
  end: number;
  hasFreed: boolean;
}

/** `isFreed` is asked for the index of each frame. Padding between freed frames becomes part of what is freed. */
export function layOutFreed(
  entries: readonly TableEntry[],
  isFreed: (index: number) => boolean,
): FreedLayout {
  const kept: TableEntry[] = [];
  const padding: PaddingFrame[] = [];
  let bytes = 0;
  let run: Run | undefined;
  const endRun = (): void => {
    if (run === undefined) return;
    if (!run.hasFreed) {
      kept.push(...run.entries);
      for (const { offset, length } of run.entries) {
        if (holeOf({ offset, length }).length > 0) padding.push({ offset, length });
      }
    } else {
      const start = run.entries[0]?.offset ?? run.end;
      for (const frame of paddingOf(start, run.end)) {
        padding.push(frame);
        kept.push({ kind: FRAME_KIND.padding, ...frame, volume: NO_NAME, digest: NO_NAME });
        bytes += holeOf(frame).length;
      }
      for (const entry of run.entries) {
        if (entry.kind === FRAME_KIND.padding) bytes -= holeOf(entry).length;
      }
    }
    run = undefined;
  };
  for (const [index, entry] of entries.entries()) {
    const isOut = isFreed(index);
    if (!isOut && entry.kind !== FRAME_KIND.padding) {
      endRun();
      kept.push(entry);
      continue;
    }
    // Between two runs may be damage, which stays to be found.
    if (run?.end !== entry.offset) endRun();
    run ??= { entries: [], end: entry.offset, hasFreed: false };
    run.entries.push(entry);
    run.end = endOf(entry);
    run.hasFreed ||= isOut;
  }
  endRun();
  return { entries: kept, padding, bytes };
}

/** Where no byte of a frame of zeros need be written: blocks that its payload fills. */
export function holeOf({ offset, length }: PaddingFrame): { start: number; length: number } {
  const from = offset + FRAME_HEADER_BYTES;
  const start = Math.ceil(from / DIRECT_BLOCK_BYTES) * DIRECT_BLOCK_BYTES;
  const end = Math.floor((from + length) / DIRECT_BLOCK_BYTES) * DIRECT_BLOCK_BYTES;
  return { start, length: Math.max(0, end - start) };
}

/** Frames that fill the place from `start` to `end`, where one frame or more were. */
function paddingOf(start: number, end: number): PaddingFrame[] {
  const frames: PaddingFrame[] = [];
  for (let offset = start; offset < end; ) {
    const left = end - offset - FRAME_HEADER_BYTES;
    let length = Math.min(left, LIMITS.paddingBytesMax);
    const rest = left - length;
    // What is left must have room for a header.
    if (rest > 0 && rest < FRAME_HEADER_BYTES) length -= FRAME_HEADER_BYTES;
    frames.push({ offset, length });
    offset += FRAME_HEADER_BYTES + length;
  }
  return frames;
}

function endOf({ offset, length }: Pick<TableEntry, 'offset' | 'length'>): number {
  return offset + FRAME_HEADER_BYTES + length;
}
