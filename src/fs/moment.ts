import { GdpfsError } from '../base/errors.ts';
import { policyOf, requireSnapshot } from '../format/policy-change.ts';
import type { LogEngine } from '../log/engine.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import { keptStates, requireKept } from './kept-states.ts';
import type { SystemView } from './system-view.ts';
import type { Moment } from './types.ts';

/** What says which states of volumes there are. */
export interface MomentContext {
  readonly engine: LogEngine;
  readonly view: SystemView;
}

/**
 * A moment of a volume as a count of records; undefined for now. Throws `bad_request` for one that has
 * not come yet, `not_found` for one before the volume and for a snapshot that there is none of, `trimmed` for one that is kept no more.
 */
export function countAt(
  { engine, view }: MomentContext,
  row: VolumeRow,
  at: Moment | undefined,
): number | undefined {
  if (at === undefined) return undefined;
  const count = countOf(engine, row, at);
  if (count > row.count) {
    throw new GdpfsError(
      'bad_request',
      `cannot look at record ${count - 1}: the log has ${row.count}`,
    );
  }
  if (count === 0) {
    const state = 'its first record is newer';
    throw new GdpfsError('not_found', `cannot look at the volume at that time: ${state}`);
  }
  requireKept(keptStates(row, view), count - 1);
  return count;
}

function countOf(engine: LogEngine, row: VolumeRow, at: Moment): number {
  switch (at.kind) {
    case 'seq':
      return at.seq + 1;
    case 'time':
      return engine.countAt(row.id, at.timeMs);
    case 'snapshot':
      return requireSnapshot(policyOf(row).snapshots, at.name, 'look at').seq + 1;
  }
}

/** The newest seq of a volume, or of the state of it that a view shows. */
export function seqOf({ count }: VolumeRow, { at = count }: { readonly at?: number }): number {
  return at - 1;
}
