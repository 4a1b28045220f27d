import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { formatApiPath, formatRemotePath, joinPath, type RemotePath } from '../format/path.ts';
import type { Entry } from '../wire/generated/api.ts';
import { type CallOptions, stat } from './files.ts';
import type { Placement } from './placement.ts';
import type { Session } from './session.ts';

/** Where a copy goes in a volume. */
export interface RemoteTarget {
  /** `/<volume>/<path>`. */
  readonly path: string;
  /** What is there now. */
  readonly existing: Entry | undefined;
}

/**
 * The name that a copy of something called `name` gets. `name` is empty for what has none (`.`):
 * then its content goes right into a directory.
 */
export async function findRemoteTarget(
  session: Session,
  destination: RemotePath,
  options: CallOptions & { readonly name: string; readonly placement: Placement },
): Promise<RemoteTarget> {
  const { name, placement, signal } = options;
  const existing = await statIfPresent(session, formatApiPath(destination), signal);
  const isDirectory = existing?.kind === 'directory';
  if (placement === 'inside' && existing !== undefined && !isDirectory) {
    throw new GdpfsError(
      'not_a_directory',
      `cannot copy into "${formatRemotePath(destination)}": it is a ${existing.kind}`,
    );
  }
  const isInside = placement === 'inside' || (placement === 'either' && isDirectory);
  if (!isInside || name === '') return { path: formatApiPath(destination), existing };
  const path = formatApiPath({ ...destination, path: joinPath(destination.path, name) });
  return { path, existing: await statIfPresent(session, path, signal) };
}

/** What is at `path` (`/<volume>/<path>`), if anything is. */
export async function statIfPresent(
  session: Session,
  path: string,
  signal: AbortSignal | undefined,
): Promise<Entry | undefined> {
  try {
    return await stat(session, path, { signal });
  } catch (error) {
    // Below a file nothing can be; what comes next says so in its own words.
    if (isGdpfsError(error, 'not_found')) return undefined;
    throw error;
  }
}
