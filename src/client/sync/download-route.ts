import { stat as statLocal, statfs } from 'node:fs/promises';
import { GdpfsError } from '../../base/errors.ts';
import { systemCode } from '../../base/system-error.ts';
import { formatApiPath, formatRemotePath } from '../../format/path.ts';
import type { RemoteEndpoint } from '../endpoint.ts';
import { stat } from '../files.ts';
import { RECEIVED_MODE_MASK } from '../local-attributes.ts';
import { makeLocalDirectories } from '../local-directories.ts';
import { localError, quote } from '../local-error.ts';
import { LocalReader } from '../local-reader.ts';
import { startLocalWriter } from '../local-writer.ts';
import { noPages } from './action.ts';
import { hasContent } from './content-check.ts';
import { filterPages } from './filter-pages.ts';
import { executeLocally } from './local-executor.ts';
import { etagOf } from './part-sender.ts';
import { listRemoteTree, type RemoteTree } from './remote-tree.ts';
import type { Route, RouteCall } from './route.ts';

/** Out of a volume into a local directory. */
export async function openDownloadRoute(
  { session, remote }: RemoteEndpoint,
  target: string,
  call: RouteCall,
): Promise<Route> {
  const { rules, tally, transfer, at, signal } = call;
  const path = formatApiPath(remote);
  const listTree = (): Promise<RemoteTree> => listRemoteTree(session, path, { at, signal });
  // Asked for together with what follows, for the first who wants it.
  let first: Promise<RemoteTree> | undefined = listTree();
  first.catch(() => {});
  // And so is what is there, by a thread that takes as long to start as all that the server is asked.
  await using opening = new AsyncDisposableStack();
  const reader = opening.use(new LocalReader({ root: target, rules: [] }));
  const place = isDirectory(target).then((isThere) => {
    return { isNew: !isThere, listed: isThere ? reader.list() : undefined };
  });
  // It begins nothing after the end.
  opening.defer(async () => void (await place.catch(() => undefined)));
  place.catch(() => {});
  const root = await stat(session, path, { at, signal });
  if (root.kind !== 'directory') throw notADirectory(remote, root.kind);
  const { isNew, ...begun } = await place;
  let { listed } = begun;
  const precisionUs = isNew ? undefined : await timePrecisionUs(target);
  let listedAt = at ?? '';
  const opened = opening.move();
  return {
    compare: { modeMask: RECEIVED_MODE_MASK, precisionUs },
    sourceName: (relative) => `${path}/${relative}`,
    list: async () => {
      const listing = first ?? listTree();
      first = undefined;
      const { pages, seq } = await listing;
      listedAt = String(seq);
      const destination = isNew ? noPages() : (listed ?? reader.list());
      listed = undefined;
      return { source: filterPages(pages, rules), destination, sourceSeq: seq };
    },
    isSameContent: async (entry, { relative }) => {
      const etag = etagOf(entry) ?? '';
      const version = { path: `${path}/${relative}`, size: entry.size, etag, at: listedAt, signal };
      return await hasContent(session, version, `${target}/${relative}`);
    },
    execute: async (actions) => {
      if (isNew) makeLocalDirectories(target);
      await using writer = startLocalWriter();
      await executeLocally(session, actions, {
        writer,
        path,
        at: listedAt,
        target,
        root,
        partsIn: () => reader.partsIn,
        tally,
        transfer,
        signal,
      });
      if (!isNew) return;
      tally.directories += 1;
      tally.report();
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/** Types of file systems (statfs(2)) whose times are coarse, with their step in microseconds. */
const COARSE_TIMES: ReadonlyMap<number, number> = new Map([
  /** FAT. */
  [0x4d44, 2_000_000],
  /** exFAT. */
  [0x2011_bab0, 10_000],
  /** HFS+. */
  [0x482b, 1_000_000],
]);

async function timePrecisionUs(path: string): Promise<number | undefined> {
  try {
    return COARSE_TIMES.get((await statfs(path)).type);
  } catch (cause) {
    throw localError('read', path, cause);
  }
}

function notADirectory(remote: RemoteEndpoint['remote'], kind: string): GdpfsError {
  return new GdpfsError(
    'not_a_directory',
    `cannot synchronize "${formatRemotePath(remote)}": it is a ${kind}`,
    { hint: 'use cp for a single file' },
  );
}

async function isDirectory(path: string): Promise<boolean> {
  try {
    if ((await statLocal(path)).isDirectory()) return true;
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return false;
    throw localError('read', path, cause);
  }
  throw new GdpfsError(
    'not_a_directory',
    `cannot synchronize into ${quote(path)}: it is not a directory`,
  );
}
