import type { SegmentStatus } from '../storage/segment-counts.ts';

/** How a log engine is, for whoever watches it. */
export interface EngineStatus {
  readonly segments: SegmentStatus;
  /** Changes that wait for their turn, or have it. */
  readonly changesWaiting: number;
  /** Rows that are durable in the segments and wait for the index. */
  readonly rowsWaiting: number;
  /** The disk or the index has failed: it takes no change until it is opened again. */
  readonly hasFailed: boolean;
}
