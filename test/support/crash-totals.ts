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
