import { LIMITS } from '../base/limits.ts';
import type { Entry, Listing } from '../wire/generated/api.ts';
import { apiPath, type PathPlace } from './place.ts';
import { get, urlOf } from './server.ts';

const PAGE_ENTRIES = 1000;

export interface Directory {
  readonly entry: Entry;
  readonly entries: readonly Entry[];
  /** The state of the volume that it is of. */
  readonly seq: number;
  /** Are there more names than the page holds? */
  readonly hasMore: boolean;
}

/**
 * Tells what is in a directory, more with each page, all of them of one state of the volume. Resolves when that is all.
 * Throws RequestError.
 */
export async function listDirectory(
  place: PathPlace,
  tell: (directory: Directory) => void,
  signal: AbortSignal,
): Promise<void> {
  const entries: Entry[] = [];
  let cursor: string | undefined;
  let at = place.at;
  let told = 0;
  do {
    const query = { path: apiPath(place), list: 'children', limit: PAGE_ENTRIES, cursor, at };
    const page = await get<Listing>('/api/v1/files', { query, signal });
    for (const entry of page.entries) entries.push(entry);
    ({ cursor } = page);
    at ??= String(page.seq);
    const isFull = entries.length >= LIMITS.pageEntriesMax;
    const hasMore = cursor !== undefined && isFull;
    // Each time it is sorted anew: so not for each page, but when there is twice as much.
    if (cursor === undefined || isFull || entries.length >= 2 * told) {
      told = entries.length;
      tell({ entry: page.entry, entries: [...entries], seq: page.seq, hasMore });
    }
    if (hasMore) return;
  } while (cursor !== undefined);
}

/** Where a directory comes as one file. */
export function archiveOf(place: PathPlace): string {
  return urlOf('/api/v1/storage/files', { path: apiPath(place), format: 'zip', at: place.at });
}
