import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

/** A state of a volume that has a name, and is kept whatever its age. */
export interface Snapshot {
  readonly name: string;
  /** The state after this record. */
  readonly seq: number;
  /** When it got its name, as whoever named it says. */
  readonly createdMs: number;
}

/** Never a seq nor a time: those begin with a digit. In lower case, as names of hosts are. */
const NAME = /^[a-z][a-z0-9._-]*$/;

export function isSnapshotName(text: string): boolean {
  return text.length <= LIMITS.snapshotNameLengthMax && NAME.test(text);
}

/** Throws `corrupt` unless these may stand in one policy: ascending by their names, and not too many. */
export function checkSnapshots(snapshots: readonly Snapshot[]): void {
  if (snapshots.length > LIMITS.snapshotsMax) {
    throw corrupt(`there are ${snapshots.length}, need at most ${LIMITS.snapshotsMax}`);
  }
  let before = '';
  for (const { name } of snapshots) {
    if (!isSnapshotName(name)) throw corrupt('one has no such name as one may have');
    if (name <= before) throw corrupt(`"${name}" comes behind "${before}"`);
    before = name;
  }
}

/** Throws `untrusted` unless all are states of a log of `count` records. */
export function verifySnapshotsPast(snapshots: readonly Snapshot[], count: number): void {
  const future = snapshots.find(({ seq }) => seq >= count);
  if (future === undefined) return;
  throw untrusted(`"${future.name}" is the state after record ${future.seq}, and there is none`);
}

/**
 * Throws `untrusted` unless the snapshots of a policy may follow those of the one before it: whatever is in
 * both is the same state.
 */
export function verifyNextSnapshots(before: readonly Snapshot[], after: readonly Snapshot[]): void {
  if (before.length === 0) return;
  const known = new Map(before.map((snapshot) => [snapshot.name, snapshot]));
  for (const { name, seq, createdMs } of after) {
    const was = known.get(name);
    if (was === undefined || (was.seq === seq && was.createdMs === createdMs)) continue;
    throw untrusted(`"${name}" was the state after record ${was.seq}, and is that after ${seq}`);
  }
}

function corrupt(why: string): GdpfsError {
  return new GdpfsError('corrupt', `cannot decode snapshots of a volume policy: ${why}`);
}

function untrusted(why: string): GdpfsError {
  return new GdpfsError('untrusted', `cannot accept snapshots of a volume policy: ${why}`);
}
