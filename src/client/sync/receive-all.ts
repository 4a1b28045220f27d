import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { ListingRow } from '../../wire/listing.ts';
import type { Tally } from '../tally.ts';
import type { Action, ActionPages } from './action.ts';

export interface ReceiveAllOptions {
  /** Local directory. */
  readonly target: string;
  /** It was empty. */
  readonly isNew: boolean;
  /** Files and links that exist below `target` stay as they are. */
  readonly keep: boolean;
  readonly tally: Tally;
}

/**
 * A plan that copies a whole tree, whatever stands at the destination: what is equal there is found
 * when its turn comes, so that a copy into a large directory does not read all of that.
 */
export async function* receiveAll(
  pages: AsyncIterable<readonly ListingRow[]>,
  options: ReceiveAllOptions,
): ActionPages {
  const { isNew, keep, tally } = options;
  for await (const rows of pages) {
    const actions: Action[] = [];
    for (const entry of rows) {
      const { kind } = entry;
      if (kind !== 'directory' && keep && isThere(options, entry)) tally.skip();
      else if (kind === 'file') {
        actions.push({ kind, entry, reason: isNew ? 'new' : 'unsure' });
      } else actions.push({ kind, entry, reason: 'new' });
    }
    yield actions;
  }
}

/** Only looked at: a name that leads out of the target is refused where it would be written. */
function isThere({ target }: ReceiveAllOptions, { relative }: ListingRow): boolean {
  return lstatSync(join(target, relative), { throwIfNoEntry: false }) !== undefined;
}
