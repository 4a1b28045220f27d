import { LIMITS } from '../base/limits.ts';
import type { Entry, Listing, StorageFilesGetQuery } from '../wire/generated/api.ts';
import { MEDIA_TYPES } from '../wire/media-types.ts';
import { listPages, type StatOptions } from './files.ts';
import type { MaybeUndefined, Session } from './session.ts';

/** Consecutive entries of the listing that one tar stream can bring. */
export interface TreeWindow {
  /** State of the volume. */
  readonly at: string;
  /** API path of the listed directory; entries are below it. */
  readonly root: string;
  /** Relative path of the entry before the first; undefined at the beginning. */
  readonly after: string | undefined;
  readonly entries: readonly Entry[];
}

/** The whole tree below a directory, in windows, all of one state of the volume. */
export async function* treeWindows(
  session: Session,
  { path, at, signal }: StatOptions & { readonly path: string },
): AsyncGenerator<TreeWindow, void, void> {
  let after: string | undefined;
  const pages = listPages(session, path, {
    at,
    signal,
    recursive: true,
    limit: LIMITS.listPageMax,
  });
  for await (const page of pages) {
    const root = page.entry.path;
    for (const entries of divide(page)) {
      yield { at: String(page.seq), root, after, entries };
      const last = entries.at(-1);
      if (last !== undefined) after = relativeTo(root, last);
    }
  }
}

function divide({ entries }: Listing): Entry[][] {
  const windows: Entry[][] = [];
  let window: Entry[] = [];
  let size = 0;
  for (const entry of entries) {
    window.push(entry);
    if (isSmall(entry)) size += entry.size;
    if (window.length < LIMITS.tarFilesMax && size < LIMITS.tarBytesTarget) continue;
    windows.push(window);
    window = [];
    size = 0;
  }
  if (window.length > 0) windows.push(window);
  return windows;
}

/** Does it travel in a tar stream? */
export function isSmall(entry: Entry): boolean {
  return entry.kind === 'file' && entry.size <= LIMITS.smallFileBytesMax;
}

export function relativeTo(root: string, { path }: Entry): string {
  return path.slice(root.length + 1);
}

/** The small files of the window, and its links and directories, as one tar body. */
export async function fetchTar(
  session: Session,
  window: TreeWindow,
  signal: AbortSignal | undefined,
): Promise<Uint8Array<ArrayBuffer>> {
  const query: MaybeUndefined<StorageFilesGetQuery> = {
    path: window.root,
    at: window.at,
    format: 'tar',
    after: window.after,
    limit: window.entries.length,
    maxFileSize: LIMITS.smallFileBytesMax,
  };
  const answer = await session.request({
    method: 'GET',
    route: '/api/v1/storage/files',
    query,
    accept: MEDIA_TYPES.tar,
    signal,
  });
  // Memory of its own, not shared: nobody gave a buffer for the answer.
  return answer.body as Uint8Array<ArrayBuffer>;
}
