import type { Change, ChangeContext, ChangeResult } from '../../src/fs/types.ts';
import type { Step, Tree } from './workload.ts';

/** What many runs did together: a run that lost nothing proves nothing. */
export interface CrashTotals {
  rounds: number;
  acknowledged: number;
  /** Changes that were on their way when the machine stopped. */
  interrupted: number;
  /** Of those, how many were found done afterwards. */
  foundDone: number;
  powerLosses: number;
  /** Power losses that took something that was not synced. */
  lossyPowerLosses: number;
  kills: number;
  stopsInRecovery: number;
  tornTails: number;
  sealedSegments: number;
  refusedForSpace: number;
  failedSyncs: number;
  /** Of volumes that keep no history. */
  freedChunks: number;
  index: { deleted: number; older: number; current: number };
}

export interface CrashOptions {
  readonly seed: number;
  readonly honorsSync?: boolean;
  /** Volumes keep no history, and what that needs no more is freed again and again. */
  readonly isFreeing?: boolean;
}

/** One folder of one volume, changed by one worker step by step. */
export interface Worker {
  readonly volume: number;
  readonly folder: string;
  /** What was acknowledged. */
  tree: Tree;
  last:
    | { readonly change: Change; readonly context: ChangeContext; result: ChangeResult }
    | undefined;
  /** The step whose answer nobody heard. */
  inFlight: { readonly step: Step; readonly context: ChangeContext } | undefined;
}

export interface Volume {
  readonly alias: string;
  name: Uint8Array;
  /** Digests of chunks that were acknowledged. */
  readonly chunks: Uint8Array[];
  /** Signed notes that were seen, by their count of records. */
  readonly checkpoints: Map<number, Uint8Array>;
}
