import { isFaultOfOne } from '../fault-scope.ts';
import { type CallOptions, change } from '../files.ts';
import type { LocalAttributes } from '../local-attributes.ts';
import type { Session } from '../session.ts';
import type { Tally } from '../tally.ts';
import type { Entry } from '../../wire/generated/api.ts';

export interface RootOptions extends CallOptions, LocalAttributes {
  /** `/<volume>/<path>` of the directory that a synchronization has filled. */
  readonly path: string;
  /** As it was before. */
  readonly existing: Entry;
  readonly tally: Tally;
}

/** Mode and time for the directory itself, which no action is about, unless it has them. A failure goes to the tally. */
export async function setRoot(
  session: Session,
  { path, existing, mode, mtimeUs, tally, signal }: RootOptions,
): Promise<void> {
  if (existing.mode === mode && existing.mtimeUs === mtimeUs) return;
  try {
    await change(session, path, { op: 'set', mode, mtimeUs }, { signal });
  } catch (error) {
    if (!isFaultOfOne(error)) throw error;
    tally.fail({ path, error });
  }
}
