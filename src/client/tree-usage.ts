import { isGdpfsError } from '../base/errors.ts';
import { isBelow, splitPath } from '../format/path.ts';
import type { ListingRow } from '../wire/listing.ts';
import { type StatOptions, stat } from './files.ts';
import type { Session } from './session.ts';
import { listRemoteTree } from './sync/remote-tree.ts';

/** What is in a directory, with everything below it; or a file or link alone. */
export interface TreeUsage {
  /** Path below what was asked for; empty for that itself. */
  readonly relative: string;
  /** Content of files: holes count, and content that other files share does, too. */
  bytes: number;
  files: number;
  links: number;
  /** Without the directory itself. */
  directories: number;
}

export interface UsageOptions extends StatOptions {
  /** How many names below what was asked for a directory may be to be told of by itself; all if absent. */
  readonly depth?: number | undefined;
}

/**
 * What is at `path` (`/<volume>/<path>`), and of each directory below it what that holds: a directory
 * after those in it, so `path` itself last. From the pages of one listing, which are of one state;
 * memory holds a page and the directories on the way down. Throws `not_found`.
 */
export async function* measureTree(
  session: Session,
  path: string,
  { depth = Number.POSITIVE_INFINITY, ...options }: UsageOptions = {},
): AsyncGenerator<TreeUsage, void, void> {
  let tree;
  try {
    tree = await listRemoteTree(session, path, options);
  } catch (error) {
    if (!isGdpfsError(error, 'not_a_directory')) throw error;
    const single = newUsage('');
    addTo(single, await stat(session, path, options));
    yield single;
    return;
  }
  const open = [newUsage('')];
  for await (const rows of tree.pages) {
    for (const row of rows) {
      yield* closed(open, row.relative, depth);
      if (row.kind === 'directory') open.push(newUsage(row.relative));
      else addTo(open.at(-1), row);
    }
  }
  yield* closed(open, undefined, depth);
}

/** Ends the directories that `next` is not in, the innermost first; all of them if there is no next. */
function* closed(
  open: TreeUsage[],
  next: string | undefined,
  depth: number,
): Generator<TreeUsage, void, void> {
  for (;;) {
    const usage = open.at(-1);
    if (usage === undefined) return;
    if (next !== undefined && isBelow(next, usage.relative)) return;
    open.pop();
    const above = open.at(-1);
    if (above !== undefined) {
      above.bytes += usage.bytes;
      above.files += usage.files;
      above.links += usage.links;
      above.directories += usage.directories + 1;
    }
    if (splitPath(usage.relative).length <= depth) yield usage;
  }
}

function newUsage(relative: string): TreeUsage {
  return { relative, bytes: 0, files: 0, links: 0, directories: 0 };
}

/** Of something that is no directory. */
function addTo(
  usage: TreeUsage | undefined,
  { kind, size }: Pick<ListingRow, 'kind' | 'size'>,
): void {
  if (usage === undefined) return;
  if (kind === 'symlink') usage.links += 1;
  else {
    usage.files += 1;
    usage.bytes += size;
  }
}
