import type { KeptFilter } from './kept-filter.ts';

/** Frees the bytes of chunks that nobody keeps. From `LogEngine.beginSweep` to `end`. */
export interface Sweep {
  /**
   * The chunks that are kept. Whoever sweeps adds those of all states that are kept; what is stored,
   * committed, or told to be there meanwhile gets in by itself.
   */
  readonly kept: KeptFilter;
  /**
   * Frees chunks that are not in `kept`, once all that are to be kept are in it. Killed at any moment, it
   * has freed some of them. Throws the reason of `signal`, and `no_space` if the disk has no room to write
   * any segment anew.
   */
  free(options: FreeOptions): Promise<SweepResult>;
  /** Always to be called. */
  end(): void;
}

export interface FreeOptions {
  /** Index ids of volumes of which nothing is freed. */
  readonly spared: ReadonlySet<number>;
  /** Only says what would be freed. */
  readonly dryRun: boolean;
  readonly signal?: AbortSignal;
  readonly progress?: (done: SweepProgress) => void;
}

export interface SweepResult {
  /** Segments that were looked at. */
  readonly segments: number;
  /** Of those, how many were written anew. */
  readonly rewritten: number;
  /** That were freed. */
  readonly chunks: number;
  /** By which the segments take less of the disk. */
  readonly bytes: number;
  /** Segments that would be worth it, but for which the disk has no room: they are written beside the old ones. */
  readonly postponed: number;
}

export interface SweepProgress extends SweepResult {
  /** Segments that there are. */
  readonly segmentsTotal: number;
}
