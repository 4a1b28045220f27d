import type { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import type { ChangeBelow, ChangeSet } from '../../wire/generated/api.ts';
import { isFaultOfOne } from '../fault-scope.ts';
import { type CallOptions, changeMany } from '../files.ts';
import type { VolumeDirectory } from './volume-source.ts';

/** A change that goes to a volume with many others. */
export interface SetMember<Of> {
  /** What the change is made for. */
  readonly of: Of;
  readonly change: ChangeBelow;
}

export interface ChangeSetOptions<Of> extends CallOptions {
  /** Gets the changes. */
  readonly directory: VolumeDirectory;
  /** Where copies come from. */
  readonly from?: Pick<ChangeSet, 'copiesFrom' | 'at'>;
  readonly onDone: (of: Of) => void;
  /** The volume refuses this change; all others are made. */
  readonly onRefused: (of: Of, error: GdpfsError) => void;
}

/**
 * Makes changes below a directory, each set of them in one request and one commit. If one is refused,
 * all others of its set are made. Throws what ends it all.
 */
export async function sendChanges<Of>(
  members: readonly SetMember<Of>[],
  options: ChangeSetOptions<Of>,
): Promise<void> {
  for (const set of setsOf(members)) await sendSet(set, options);
}

async function sendSet<Of>(
  set: readonly SetMember<Of>[],
  options: ChangeSetOptions<Of>,
): Promise<void> {
  const { directory, from, signal, onDone, onRefused } = options;
  const changes = set.map(({ change }) => change);
  try {
    await changeMany(directory.session, directory.path, { ...from, changes }, { signal });
  } catch (error) {
    if (!isFaultOfOne(error)) throw error;
    const [first] = set;
    if (first === undefined || set.length === 1) {
      if (first !== undefined) onRefused(first.of, error);
      return;
    }
    const middle = Math.ceil(set.length / 2);
    await sendSet(set.slice(0, middle), options);
    await sendSet(set.slice(middle), options);
    return;
  }
  for (const { of } of set) onDone(of);
}

/** Sets that each fit into one request. */
function* setsOf<Of>(members: readonly SetMember<Of>[]): Generator<SetMember<Of>[], void, void> {
  let set: SetMember<Of>[] = [];
  let bytes = 0;
  for (const member of members) {
    const size = Buffer.byteLength(JSON.stringify(member.change));
    const isFull = set.length >= LIMITS.changeSetMax || bytes + size > LIMITS.jsonBodyBytesMax / 2;
    if (isFull && set.length > 0) {
      yield set;
      set = [];
      bytes = 0;
    }
    set.push(member);
    bytes += size;
  }
  if (set.length > 0) yield set;
}
