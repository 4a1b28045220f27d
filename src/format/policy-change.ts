import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { HISTORY_DAYS_DEFAULT, type Policy, readPolicy } from './policy.ts';
import { isSnapshotName, type Snapshot } from './snapshot.ts';
import type { ChainState } from './volume-chain.ts';

/** What its owner may change of what is kept of a volume. */
export type PolicyChange =
  /** Keep the past for so many days, `HISTORY_FOREVER` for good. */
  | { readonly kind: 'history'; readonly days: number }
  /** Give a state a name, and keep it. */
  | { readonly kind: 'snapshot'; readonly snapshot: Snapshot }
  /** Take a snapshot's name away; its state is then as old as it is. */
  | { readonly kind: 'forget'; readonly name: string };

/** The policy in force in a log; of one without any, what it means. Throws `corrupt`. */
export function policyOf({ policy, writerKey }: Pick<ChainState, 'policy' | 'writerKey'>): Policy {
  if (policy.length > 0) return readPolicy(policy);
  const nothing = { rotations: [], snapshots: [] };
  return { epoch: 0, writerKey, historyDays: HISTORY_DAYS_DEFAULT, ...nothing };
}

/**
 * The policy that comes next; undefined if that is what the one before says already. Throws `bad_request`,
 * `exists` for a name that is taken, `not_found` for one that is not.
 */
export function changedPolicy(before: Policy, change: PolicyChange): Policy | undefined {
  const epoch = before.epoch + 1;
  const { snapshots } = before;
  switch (change.kind) {
    case 'history': {
      const { days: historyDays } = change;
      return historyDays === before.historyDays ? undefined : { ...before, epoch, historyDays };
    }
    case 'snapshot':
      return { ...before, epoch, snapshots: withSnapshot(snapshots, change.snapshot) };
    case 'forget':
      requireSnapshot(snapshots, change.name, 'remove');
      return { ...before, epoch, snapshots: snapshots.filter(({ name }) => name !== change.name) };
  }
}

/** Throws `not_found`. `verb`: what cannot be done then. */
export function requireSnapshot(
  snapshots: readonly Snapshot[],
  name: string,
  verb: 'look at' | 'remove',
): Snapshot {
  const found = snapshots.find((snapshot) => snapshot.name === name);
  if (found !== undefined) return found;
  throw new GdpfsError(
    'not_found',
    `cannot ${verb} snapshot "${name}": the volume has none of that name`,
    {
      hint: '"gdpfs snapshot ls gdp://VOLUME" lists them',
    },
  );
}

/** Throws `bad_request` unless a state can be called that. */
export function requireSnapshotName(name: string): void {
  if (isSnapshotName(name)) return;
  const form = `a letter and up to ${LIMITS.snapshotNameLengthMax - 1} more of a-z, 0-9, ".", "_" and "-"`;
  throw new GdpfsError(
    'bad_request',
    `cannot name snapshot ${JSON.stringify(name)}: no such form, need ${form}`,
  );
}

function withSnapshot(before: readonly Snapshot[], snapshot: Snapshot): Snapshot[] {
  const { name, seq } = snapshot;
  requireSnapshotName(name);
  const known = before.find((other) => other.name === name);
  if (known !== undefined) {
    const state = `it is the state after record ${known.seq}, need another name than for ${seq}`;
    throw new GdpfsError('exists', `cannot create snapshot "${name}": ${state}`);
  }
  if (before.length >= LIMITS.snapshotsMax) {
    const state = `there are ${before.length}, need at most ${LIMITS.snapshotsMax}`;
    throw new GdpfsError('bad_request', `cannot create snapshot "${name}": ${state}`, {
      hint: '"gdpfs snapshot rm" removes what nobody needs',
    });
  }
  return [...before, snapshot].sort((left, right) => (left.name < right.name ? -1 : 1));
}
