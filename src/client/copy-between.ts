import { GdpfsError } from '../base/errors.ts';
import {
  baseName,
  formatApiPath,
  formatRemotePath,
  type RemotePath,
  userPath,
} from '../format/path.ts';
import type { Entry } from '../wire/generated/api.ts';
import { copyFile } from './copy-file.ts';
import { makeDirectory, stat } from './files.ts';
import { quote } from './local-error.ts';
import { type CopyCall, mayReplace } from './placement.ts';
import { findRemoteTarget, type RemoteTarget } from './remote-target.ts';
import type { Session } from './session.ts';
import { noPages } from './sync/action.ts';
import { planTrees } from './sync/plan.ts';
import { listRemoteTree } from './sync/remote-tree.ts';
import { executeInVolume } from './sync/volume-executor.ts';
import { volumeTreeSource } from './sync/volume-tree-source.ts';
import { getVolume, volumeToFill } from './volumes.ts';

/** A path in a volume, and how to reach it. */
export interface RemotePlace {
  readonly session: Session;
  readonly remote: RemotePath;
}

export interface CopyBetweenCall extends CopyCall {
  readonly from: RemotePlace;
  readonly to: RemotePlace;
}

/** Do both lie in one volume, however it is called? */
export async function areInOneVolume(
  from: RemotePlace,
  to: RemotePlace,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  if (from.session === to.session && from.remote.volume === to.remote.volume) return true;
  const [source, destination] = await Promise.all(
    [from, to].map(({ session, remote }) => getVolume(session, remote.volume, { signal })),
  );
  return source?.name === destination?.name;
}

/** Copies from one volume into another, of the same server or not, through this process. */
export async function copyBetween(call: CopyBetweenCall): Promise<void> {
  const { from, to, placement, at, signal } = call;
  const entry = await stat(from.session, formatApiPath(from.remote), { at, signal });
  const name = baseName(from.remote.path) || from.remote.volume;
  const target = await findRemoteTarget(to.session, to.remote, { name, placement, signal });
  if (entry.kind === 'directory') await copyDirectory(call, entry, target);
  else await copyOneFile(call, entry, target);
}

async function copyOneFile(
  call: CopyBetweenCall,
  entry: Entry,
  { path, existing }: RemoteTarget,
): Promise<void> {
  const { from, to, tally, replace, at, signal } = call;
  const { kind, size, etag, mode, mtimeUs } = entry;
  if (kind !== 'file' || etag === undefined) {
    throw new GdpfsError(
      'not_a_file',
      `cannot copy "${formatRemotePath(from.remote)}" to another volume: it is a ${kind}, need a file`,
    );
  }
  if (existing?.kind === 'directory') {
    throw new GdpfsError(
      'is_a_directory',
      `cannot replace "${userPath(path)}" by a file: it is a directory`,
    );
  }
  if (existing !== undefined && !(await mayReplace(replace, quote(userPath(path)))))
    return tally.skip();
  const version = { path: formatApiPath(from.remote), at, size, etag, mode, mtimeUs };
  tally.expect({ files: 1, bytes: size });
  tally.planComplete();
  const file = tally.beginFile();
  const result = await copyFile({
    from: { session: from.session, version },
    to: { session: to.session, path },
    // Somebody else may be faster.
    ifAbsent: existing === undefined && replace === 'never',
    onProgress: file.onProgress,
    signal,
  });
  file.done({ path, ...result });
}

async function copyDirectory(
  call: CopyBetweenCall,
  entry: Entry,
  { path, existing }: RemoteTarget,
): Promise<void> {
  const { from, to, tally, recursive, replace, at, signal } = call;
  if (!recursive) {
    throw new GdpfsError(
      'is_a_directory',
      `cannot copy "${formatRemotePath(from.remote)}": it is a directory`,
      { hint: 'use -r for directories' },
    );
  }
  if (existing !== undefined && existing.kind !== 'directory') {
    throw new GdpfsError(
      'not_a_directory',
      `cannot replace "${userPath(path)}" by a directory: it is a ${existing.kind}`,
    );
  }
  const isMerged = existing !== undefined && replace !== 'always';
  if (isMerged && replace !== 'never' && !(await replace(`files in ${quote(userPath(path))}`))) {
    return tally.skip();
  }
  const filled = await volumeToFill(to.session, to.remote.volume, signal);
  if (existing === undefined) {
    const { mode, mtimeUs } = entry;
    await makeDirectory(to.session, path, { parents: true, mode, mtimeUs, signal });
  }
  const source = await listRemoteTree(from.session, formatApiPath(from.remote), { at, signal });
  const there =
    existing === undefined ? noPages() : (await listRemoteTree(to.session, path, { signal })).pages;
  const actions = planTrees(source.pages, there, {
    by: 'content',
    existing: isMerged && replace === 'never' ? 'keep' : 'replace',
    onKept: ({ kind, size }, why) => {
      if (why === 'exists') return tally.skip();
      if (kind === 'symlink') {
        tally.links += 1;
        return;
      }
      tally.addBytes(size);
      tally.fileDone({ path, size, bytesSent: 0, bytesReused: size });
    },
  });
  await executeInVolume(to.session, actions, {
    source: volumeTreeSource({
      from: { ...from, path: formatApiPath(from.remote), at: String(source.seq) },
      to: { ...to, path, ...filled },
      tally,
      signal,
    }),
    path,
    tally,
    signal,
  });
  if (existing !== undefined) return;
  tally.directories += 1;
  tally.report();
}
