import { stat } from 'node:fs/promises';
import { GdpfsError } from '../../base/errors.ts';
import { formatApiPath, formatRemotePath } from '../../format/path.ts';
import type { RemoteEndpoint } from '../endpoint.ts';
import { makeDirectory } from '../files.ts';
import { attributesOf, type LocalAttributes } from '../local-attributes.ts';
import { localError, quote } from '../local-error.ts';
import { LocalReader } from '../local-reader.ts';
import { statIfPresent } from '../remote-target.ts';
import { volumeToFill } from '../volumes.ts';
import { noPages } from './action.ts';
import { hasContent } from './content-check.ts';
import { localTreeSource } from './local-tree-source.ts';
import { etagOf } from './part-sender.ts';
import { listRemoteTree } from './remote-tree.ts';
import type { Route, RouteCall } from './route.ts';
import { setRoot } from './synchronized-root.ts';
import { executeInVolume } from './volume-executor.ts';

/** From a local directory into a volume. */
export async function openUploadRoute(
  source: string,
  { session, remote }: RemoteEndpoint,
  call: RouteCall,
): Promise<Route> {
  const { rules, tally, transfer, signal } = call;
  const attributes = await directoryAttributes(source);
  const path = formatApiPath(remote);
  const existing = await statIfPresent(session, path, signal);
  if (existing !== undefined && existing.kind !== 'directory') {
    throw new GdpfsError(
      'not_a_directory',
      `cannot synchronize into "${formatRemotePath(remote)}": it is a ${existing.kind}`,
    );
  }
  const reader = new LocalReader({ root: source, rules });
  return {
    // A volume stores whatever a local file has.
    compare: {},
    sourceName: (relative) => `${source}/${relative}`,
    list: async () => {
      if (existing === undefined) return { source: reader.list(), destination: noPages() };
      const { pages, seq } = await listRemoteTree(session, path, { signal });
      return { source: reader.list(), destination: pages, destinationSeq: seq };
    },
    isSameContent: async ({ relative }, there) => {
      const etag = etagOf(there) ?? '';
      const version = { path: `${path}/${relative}`, size: there.size, etag, signal };
      return await hasContent(session, version, `${source}/${relative}`);
    },
    execute: async (actions) => {
      const isNew = existing === undefined;
      const root = { parents: true, ...attributes, signal };
      const ready = isNew ? makeDirectory(session, path, root) : undefined;
      // Whoever sends something waits for it; the first files are packed meanwhile.
      ready?.catch(() => {});
      const volume = await volumeToFill(session, remote.volume, signal);
      const sending = { source, path, reader, volume, ready, tally, transfer, signal };
      const from = localTreeSource(session, sending);
      await executeInVolume(session, actions, { source: from, path, tally, signal });
      await ready;
      if (existing !== undefined) {
        return await setRoot(session, { path, existing, ...attributes, tally, signal });
      }
      tally.directories += 1;
      tally.report();
    },
    [Symbol.asyncDispose]: () => reader[Symbol.asyncDispose](),
  };
}

/** Throws `not_found`, `not_a_directory`. */
async function directoryAttributes(path: string): Promise<LocalAttributes> {
  let stats;
  try {
    stats = await stat(path, { bigint: true });
  } catch (cause) {
    throw localError('read', path, cause);
  }
  if (stats.isDirectory()) return attributesOf(stats);
  throw new GdpfsError(
    'not_a_directory',
    `cannot synchronize ${quote(path)}: it is not a directory`,
    {
      hint: 'use cp for a single file',
    },
  );
}
