import { GdpfsError } from '../base/errors.ts';
import type { VolumeRow } from '../log/volume-table.ts';
import type { SystemView } from './system-view.ts';

/** A state that is kept however old it is. */
interface Snapshot {
  readonly name: string;
  /** The state after this record. */
  readonly seq: number;
}

/** Which states of a volume can be read: those from one on, and some before it. */
export interface KeptStates {
  /** The oldest of those that are all kept; 0: none was ever trimmed. */
  readonly trimSeq: number;
  readonly snapshots: readonly Snapshot[];
}

/** What is kept of a volume, as `view` sees the system log. */
export function keptStates({ name }: VolumeRow, view: SystemView): KeptStates {
  return { trimSeq: view.trimSeq(name), snapshots: [] };
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
      hint: 'how long history is kept is the policy of the volume',
      details: { seq: kept.trimSeq },
    },
  );
}
