import { GdpfsError } from '../base/errors.ts';
import { formatApiPath, formatRemotePath } from '../format/path.ts';
import type { Entry } from '../wire/generated/api.ts';
import type { RemoteEndpoint } from './endpoint.ts';
import { type CallOptions, change, stat } from './files.ts';
import { statIfPresent } from './remote-target.ts';
import { syncCounted } from './sync/sync.ts';
import type { Tally } from './tally.ts';

export interface RestoreCall extends CallOptions {
  readonly place: RemoteEndpoint;
  /** A seq, or an RFC 3339 time. */
  readonly at: string;
  readonly tally: Tally;
}

/**
 * Makes a path what it was at a moment of the past; no bytes move. A file or link is that of then, in
 * one change. A directory has in it what it had then, and nothing else, directories that are still there
 * remaining themselves: that takes several changes where much differs. Throws `not_found` if there was nothing then, `exists` if
 * something of another kind is there now.
 */
export async function restore(call: RestoreCall): Promise<void> {
  const { place, at, tally, signal } = call;
  const { session, remote } = place;
  const path = formatApiPath(remote);
  const then = await stat(session, path, { at, signal });
  const now = await statIfPresent(session, path, signal);
  if (now !== undefined && now.kind !== then.kind) throw inTheWay(call, then, now);
  if (then.kind === 'directory') return await restoreDirectory(call, now);
  if (now !== undefined && isSame(then, now)) return tally.skip();
  await change(session, path, { op: 'restore', at }, { signal });
  if (then.kind === 'file') {
    const { size } = then;
    tally.addBytes(size);
    tally.fileDone({ path, size, bytesSent: 0, bytesReused: size });
  } else {
    tally.links += 1;
    tally.observer.change?.({ kind: 'link', path });
  }
}

async function restoreDirectory(
  { place, at, tally, signal }: RestoreCall,
  now: Entry | undefined,
): Promise<void> {
  const { session, remote } = place;
  if (now === undefined) {
    const path = formatApiPath(remote);
    // It comes back as itself, with what it held when it was removed.
    await change(session, path, { op: 'restore', at }, { signal });
    tally.directories += 1;
    tally.observer.change?.({ kind: 'directory', path });
  }
  const same = { source: place, destination: place };
  await syncCounted({ ...same, at, by: 'content', remove: true, signal }, tally);
}

/** Whatever has happened in between. */
function isSame(left: Entry, right: Entry): boolean {
  const isSameContent = left.etag === right.etag && left.target === right.target;
  return isSameContent && left.mode === right.mode && left.mtimeUs === right.mtimeUs;
}

function inTheWay({ place }: RestoreCall, then: Entry, now: Entry): GdpfsError {
  return new GdpfsError(
    'exists',
    `cannot restore "${formatRemotePath(place.remote)}": it was a ${then.kind}, and a ${now.kind} is there now`,
    { hint: 'rename or remove what is there first' },
  );
}
