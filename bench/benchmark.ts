import type { Report } from './report.ts';

/** What all benchmarks of a run are told. */
export interface Conditions {
  /** Times that each thing is measured. */
  readonly runs: number;
  /** 1 for the sizes of the goals; less for a quick look. */
  readonly scale: number;
  readonly signal: AbortSignal;
  readonly report: Report;
}

/** Adds its rows to the report, and says what it skips. */
export type Benchmark = (conditions: Conditions) => Promise<void>;
