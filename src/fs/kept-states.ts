import { GdpfsError } from '../base/errors.ts';
import type { Policy } from '../format/policy.ts';
import { policyOf } from '../format/policy-change.ts';
import type { Snapshot } from '../format/snapshot.ts';
import type { LogEngine } from '../log/engine.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import type { SystemView } from './system-view.ts';

const DAY_MS = 24 * 3600 * 1000;

/** Which states of a volume can be read: those from one on, and some before it. */
export interface KeptStates {
  /** The oldest of those that are all kept; 0: none was ever trimmed. */
  readonly trimSeq: number;
  /** States that have names: kept however old they are. */
  readonly snapshots: readonly Snapshot[];
}

/** What is kept of a volume, as `view` sees the system log. */
export function keptStates(row: VolumeRow, view: SystemView): KeptStates {
  return { trimSeq: view.trimSeq(row.name), snapshots: policyOf(row).snapshots };
}

/** Throws `trimmed` unless every state that gets a name by `after` is kept. */
export function requireNamedKept(row: VolumeRow, view: SystemView, after: Policy): void {
  const kept = keptStates(row, view);
  // Whoever signs for themselves may give another state a name that there is.
  for (const { seq } of after.snapshots) requireKept(kept, seq);
}

function isKept({ trimSeq, snapshots }: KeptStates, seq: number): boolean {
  return seq >= trimSeq || snapshots.some((snapshot) => snapshot.seq === seq);
}

/** Throws `trimmed` unless the state after record `seq` is kept. */
export function requireKept(kept: KeptStates, seq: number): void {
  if (isKept(kept, seq)) return;
  throw new GdpfsError(
    'trimmed',
    `cannot look at record ${seq}: it is older than what the volume keeps, need ${kept.trimSeq} or later`,
    {
      hint: 'how long history is kept is a policy of the volume: `gdpfs volume history`',
      details: { seq: kept.trimSeq },
    },
  );
}

/**
 * The oldest state that the volume's policy has the server keep at `nowMs`, not counting snapshots: the
 * state that was the newest `history_days` before. States of the last `graceMs` are kept in any case.
 */
export function oldestNeeded(
  engine: Pick<LogEngine, 'countAt'>,
  row: VolumeRow,
  { nowMs, graceMs }: { readonly nowMs: number; readonly graceMs: number },
): number {
  const { historyDays: days } = policyOf(row);
  const count = engine.countAt(row.id, nowMs - Math.max(days * DAY_MS, graceMs));
  return Math.max(0, Math.min(count, row.count) - 1);
}
