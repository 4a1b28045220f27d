import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { ChangePage, VolumeChange, VolumeChangesGetQuery } from '../wire/generated/api.ts';
import type { CallOptions } from './files.ts';
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
 * With `follow` it ends only by `signal`, or when that right is taken away.
 */
export async function* watchChanges(
  session: Session,
  { volume, path, from, follow, signal }: WatchOptions,
): AsyncGenerator<VolumeChange, void, void> {
  let next = from ?? (follow ? undefined : 0);
  for (;;) {
    const query: VolumeChangesGetQuery = {
      path,
      ...(next === undefined ? {} : { from: next }),
      // Where to begin is known at once.
      ...(follow && next !== undefined ? { wait: LIMITS.feedWaitSeconds } : {}),
    };
    const route = `/api/v1/volumes/${volume}/changes`;
    const page = jsonOf<ChangePage>(await session.request({ method: 'GET', route, query, signal }));
    yield* page.changes;
    const isEnd = page.next === next && page.changes.length === 0;
    if (isEnd && !follow) return;
    if (next !== undefined && page.next < next) {
      throw new GdpfsError('corrupt', 'cannot follow changes: the server goes back');
    }
    ({ next } = page);
  }
}
