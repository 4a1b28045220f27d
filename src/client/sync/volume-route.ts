import { GdpfsError } from '../../base/errors.ts';
import { formatApiPath, formatRemotePath, isBelow } from '../../format/path.ts';
import { areInOneVolume } from '../copy-between.ts';
import type { RemoteEndpoint } from '../endpoint.ts';
import { makeDirectory, stat } from '../files.ts';
import { statIfPresent } from '../remote-target.ts';
import { volumeToFill } from '../volumes.ts';
import { noPages } from './action.ts';
import { filterPages } from './filter-pages.ts';
import { listRemoteTree } from './remote-tree.ts';
import type { Route, RouteCall } from './route.ts';
import { setRoot } from './synchronized-root.ts';
import { sameVolumeSource } from './same-volume-source.ts';
import { executeInVolume } from './volume-executor.ts';
import { volumeTreeSource } from './volume-tree-source.ts';

/** From one directory of a volume to another, of the same volume or another one. */
export async function openVolumeRoute(
  from: RemoteEndpoint,
  to: RemoteEndpoint,
  call: RouteCall,
): Promise<Route> {
  const { rules, tally, at, signal } = call;
  const isInside = await areInOneVolume(from, to, signal);
  // The past does not change while it is compared.
  const isPast = at !== undefined || from.remote.at !== undefined;
  if (isInside && !isPast) requireApart(from, to);
  const source = formatApiPath(from.remote);
  const target = formatApiPath(to.remote);
  const root = await stat(from.session, source, { at, signal });
  if (root.kind !== 'directory') throw notADirectory(from, root.kind);
  const existing = await statIfPresent(to.session, target, signal);
  if (existing !== undefined && existing.kind !== 'directory') {
    throw notADirectory(to, existing.kind);
  }
  let listedAt = at ?? '';
  return {
    compare: {},
    sourceName: (relative) => `${formatRemotePath(from.remote)}/${relative}`,
    list: async () => {
      const listed = await listRemoteTree(from.session, source, { at, signal });
      listedAt = String(listed.seq);
      const sides = { source: filterPages(listed.pages, rules), sourceSeq: listed.seq };
      if (existing === undefined) return { ...sides, destination: noPages() };
      const { pages, seq } = await listRemoteTree(to.session, target, { signal });
      return { ...sides, destination: pages, destinationSeq: seq };
    },
    // Both sides know the digests of all content.
    isSameContent: () => Promise.resolve(false),
    execute: async (actions) => {
      const filled = await volumeToFill(to.session, to.remote.volume, signal);
      if (existing === undefined) {
        const { mode, mtimeUs } = root;
        await makeDirectory(to.session, target, { parents: true, mode, mtimeUs, signal });
      }
      const open = isInside ? sameVolumeSource : volumeTreeSource;
      const tree = open({
        from: { session: from.session, path: source, at: listedAt },
        to: { session: to.session, path: target, ...filled },
        tally,
        signal,
      });
      await executeInVolume(to.session, actions, { source: tree, path: target, tally, signal });
      if (existing !== undefined) {
        const { mode, mtimeUs } = root;
        return await setRoot(to.session, { path: target, existing, mode, mtimeUs, tally, signal });
      }
      tally.directories += 1;
      tally.report();
    },
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}

/** One in the other would be changed while it is compared, and could remove itself. */
function requireApart(from: RemoteEndpoint, to: RemoteEndpoint): void {
  const [source, target] = [from.remote.path, to.remote.path];
  if (source !== target && !isBelow(source, target) && !isBelow(target, source)) return;
  throw new GdpfsError(
    'usage',
    `cannot synchronize "${formatRemotePath(from.remote)}" and "${formatRemotePath(to.remote)}": one lies in the other`,
  );
}

function notADirectory({ remote }: RemoteEndpoint, kind: string): GdpfsError {
  return new GdpfsError(
    'not_a_directory',
    `cannot synchronize "${formatRemotePath(remote)}": it is a ${kind}`,
    { hint: 'use cp for a single file' },
  );
}
