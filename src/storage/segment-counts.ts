import { Histogram } from '../base/histogram.ts';
import { CHUNK_PREFIX_BYTES, FRAME_KIND, type FrameKind } from '../format/segment.ts';

/** Seconds: a disk with a cache that survives a power loss takes less than one thousandth, one that seeks tens of them. */
const SYNC_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];

/** What a `SegmentWriter` has made durable since the store was opened. */
export class SegmentCounts {
  /** Of each group how long it took to write and sync it. */
  readonly syncSeconds: Histogram = new Histogram(SYNC_SECONDS);
  /** All that was written, what the segments' own structure takes included. */
  bytes = 0;
  chunks = 0;
  /** Of their content. */
  chunkBytes = 0;
  commits = 0;
  /** Segments that were written anew, and by how much less of the disk they took then. */
  rewritten = 0;
  freedBytes = 0;

  /** A frame with a payload of `length` bytes. */
  add(kind: FrameKind, length: number): void {
    if (kind === FRAME_KIND.chunk) {
      this.chunks += 1;
      this.chunkBytes += length - CHUNK_PREFIX_BYTES;
    } else if (kind === FRAME_KIND.commit) {
      this.commits += 1;
    }
  }
}

/** How a store of segments is, for whoever watches it. */
export interface SegmentStatus {
  readonly counts: SegmentCounts;
  /** Bytes that all segments take of the disk, where that is less than their sizes, too. */
  readonly diskBytes: number;
  /** Bytes that are accepted and not yet durable. */
  readonly waitingBytes: number;
  /** It takes nothing more until it is opened again. */
  readonly hasFailed: boolean;
}
