import { GdpfsError, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { formatApiPath, userPath } from '../format/path.ts';
import type { ChangePage, VolumeChange, VolumeChangesGetQuery } from '../wire/generated/api.ts';
import { type CallOptions, stat } from './files.ts';
import { jsonOf, type Session } from './session.ts';

export interface WatchOptions extends CallOptions {
  /** Alias or name. */
  readonly volume: string;
  /** Inside the volume: only what happens there and below. `''` for all of it. */
  readonly path: string;
  /** seq of the first record that is looked at; what comes from now on if absent. */
  readonly from?: number | undefined;
  /** Go on with what comes, or stop at the end? */
  readonly follow: boolean;
}

/**
 * What happens in a volume, in order, as far as the session's principal may see it: the server's word.
 * With `follow` it ends only by `signal`, or when that right is taken away. Throws `not_found` if there is
 * nothing at the path, and nothing has happened there since the first record that is looked at.
 */
export async function* watchChanges(
  session: Session,
  watched: WatchOptions,
): AsyncGenerator<VolumeChange, void, void> {
  const { volume, path, from, follow, signal } = watched;
  let next = from ?? (follow ? undefined : 0);
  let isThere = false;
  for (;;) {
    const query: VolumeChangesGetQuery = {
      path,
      ...(next === undefined ? {} : { from: next }),
      // Nobody waits for what a misspelled path names.
      ...(follow && isThere ? { wait: LIMITS.feedWaitSeconds } : {}),
    };
    const route = `/api/v1/volumes/${volume}/changes`;
    const request = { method: 'GET', route, query, isLong: 'wait' in query, signal } as const;
    const page = jsonOf<ChangePage>(await session.request(request));
    if (page.changes.length > 0) isThere = true;
    yield* page.changes;
    const isEnd = page.changes.length === 0 && (next === undefined || page.next === next);
    if (isEnd && !isThere) {
      await requireThere(session, watched, page.next);
      isThere = true;
    }
    if (isEnd && !follow) return;
    if (next !== undefined && page.next < next) {
      throw new GdpfsError('corrupt', 'cannot follow changes: the server goes back');
    }
    ({ next } = page);
  }
}

async function requireThere(
  session: Session,
  { volume, path, from, signal }: WatchOptions,
  end: number,
): Promise<void> {
  const watched = formatApiPath({ volume, path });
  try {
    await stat(session, watched, { signal });
  } catch (error) {
    if (!isGdpfsError(error, 'not_found')) throw error;
    const begin = from ?? 0;
    throw new GdpfsError(
      'not_found',
      `cannot watch "${userPath(watched)}": it does not exist, and nothing happened there ` +
        `in the records from ${begin} to ${end}`,
      { hint: 'watch the directory above it to see it come', cause: error },
    );
  }
}
