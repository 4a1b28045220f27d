import type { BigIntStats } from 'node:fs';
import { realpath, stat as statLocal } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { GdpfsError } from '../base/errors.ts';
import { systemCode } from '../base/system-error.ts';
import { baseName, formatApiPath, type RemotePath, userPath } from '../format/path.ts';
import type { Entry } from '../wire/generated/api.ts';
import { downloadFile } from './download.ts';
import { stat } from './files.ts';
import { makeLocalDirectories } from './local-directories.ts';
import { localError, quote } from './local-error.ts';
import { type LocalWriter, startLocalWriter } from './local-writer.ts';
import { compareMd5 } from './md5.ts';
import { type CopyCall, mayReplace } from './placement.ts';
import type { Session } from './session.ts';
import { executeLocally } from './sync/local-executor.ts';
import { receiveAll } from './sync/receive-all.ts';
import { listRemoteTree, type RemoteTree } from './sync/remote-tree.ts';
import { findUnfinishedTree, type UnfinishedTree } from './unfinished-tree.ts';

export interface ReceiveCall extends CopyCall {
  readonly session: Session;
  readonly source: RemotePath;
  /** Local path. */
  readonly destination: string;
}

/** Copies a file or directory out of a volume. */
export async function receive(call: ReceiveCall): Promise<void> {
  const { session, source, at, signal } = call;
  await using writer = call.recursive ? startLocalWriter() : undefined;
  const path = formatApiPath(source);
  // Asked for together; a file has none, and says so itself.
  const tree = call.recursive ? listRemoteTree(session, path, { at, signal }) : undefined;
  tree?.catch(() => {});
  const place = findPlace(call);
  place.catch(() => {});
  const entry = await stat(session, path, { at, signal });
  const { unfinished, target } = await place;
  if (entry.kind !== 'directory') return await receiveFile(call, entry, target);
  const isOurs = target.existing === undefined || unfinished.isBegun;
  // A copy inside a directory that exists goes to the same place again anyway.
  const isExact = target.path === call.destination;
  if (isOurs && isExact && call.recursive) unfinished.begin();
  await receiveDirectory({ ...call, writer, tree }, entry, { ...target, isOurs });
  unfinished.end();
}

/** Needs nothing of the server. */
async function findPlace(
  call: ReceiveCall,
): Promise<{ readonly unfinished: UnfinishedTree; readonly target: LocalTarget }> {
  const unfinished = findUnfinished(call);
  // What a broken copy has made is gone on with, not taken for a directory to copy into.
  const placement = unfinished.isBegun ? 'exact' : call.placement;
  return { unfinished, target: await findTarget({ ...call, placement }) };
}

function findUnfinished({ session, source, ...call }: ReceiveCall): UnfinishedTree {
  const { destination, transfer, tally, placement } = call;
  const path = formatApiPath(source);
  const copy = { direction: 'down', local: destination, server: session.url, path } as const;
  const directory = placement === 'either' ? transfer.journalDirectory : undefined;
  return findUnfinishedTree(directory, copy, tally);
}

interface LocalTarget {
  readonly path: string;
  readonly existing: BigIntStats | undefined;
}

async function findTarget({ source, destination, placement }: ReceiveCall): Promise<LocalTarget> {
  const existing = await statIfPresent(destination);
  if (placement === 'inside' && existing?.isDirectory() === false) {
    throw new GdpfsError(
      'not_a_directory',
      `cannot copy into ${quote(destination)}: it is not a directory`,
    );
  }
  const isInside =
    placement === 'inside' || (placement === 'either' && existing?.isDirectory() === true);
  if (!isInside) return { path: destination, existing };
  const path = join(destination, baseName(source.path) || source.volume);
  return { path, existing: await statIfPresent(path) };
}

async function receiveFile(call: ReceiveCall, entry: Entry, target: LocalTarget): Promise<void> {
  const { session, source, tally, replace, transfer, at, signal } = call;
  const path = formatApiPath(source);
  const { existing } = target;
  if (existing?.isFile() === false) {
    const code = existing.isDirectory() ? 'is_a_directory' : 'not_a_file';
    throw new GdpfsError(code, `cannot replace ${quote(target.path)}: it is not a regular file`);
  }
  if (existing !== undefined && !(await mayReplace(replace, quote(target.path)))) {
    tally.skip();
    return;
  }
  makeLocalDirectories(dirname(target.path));
  tally.expect({ files: 1, bytes: entry.size });
  tally.planComplete();
  const file = tally.beginFile();
  const result = await downloadFile(session, {
    path,
    // A link at the target stays, and what it points to is replaced, as cp(1) does.
    target: existing === undefined ? target.path : await realpath(target.path),
    transfer,
    onProgress: file.onProgress,
    at,
    signal,
  });
  const { size, etag, bytesReceived, bytesReused } = result;
  const md5 = await compareMd5(session, transfer, { local: target.path, path, at, etag, signal });
  file.done({ path: target.path, size, bytesSent: bytesReceived, bytesReused, md5 });
}

async function receiveDirectory(
  call: ReceiveCall & {
    readonly writer: LocalWriter | undefined;
    readonly tree: Promise<RemoteTree> | undefined;
  },
  entry: Entry,
  { path: target, existing, isOurs }: LocalTarget & { readonly isOurs: boolean },
): Promise<void> {
  const { session, source, tally, writer, tree, replace, transfer, signal } = call;
  const path = formatApiPath(source);
  if (writer === undefined || tree === undefined) {
    throw new GdpfsError('is_a_directory', `cannot copy "${userPath(path)}": it is a directory`, {
      hint: 'use -r for directories',
    });
  }
  if (existing?.isDirectory() === false) {
    throw new GdpfsError(
      'not_a_directory',
      `cannot replace ${quote(target)} by a directory: it is not a directory`,
    );
  }
  const isMerged = !isOurs && replace !== 'always';
  if (isMerged && replace !== 'never' && !(await replace(`files in ${quote(target)}`))) {
    tally.skip();
    return;
  }
  if (existing === undefined) makeLocalDirectories(target);
  const keep = isMerged && replace === 'never';
  const { pages, seq } = await tree;
  const actions = receiveAll(pages, { target, isNew: existing === undefined, keep, tally });
  await executeLocally(session, actions, {
    path,
    at: String(seq),
    target,
    writer,
    root: isOurs ? entry : undefined,
    tally,
    transfer,
    signal,
  });
  if (isOurs) tally.directories += 1;
  tally.report();
}

async function statIfPresent(path: string): Promise<BigIntStats | undefined> {
  try {
    return await statLocal(path, { bigint: true });
  } catch (cause) {
    if (systemCode(cause) !== 'ENOENT') throw localError('read', path, cause);
    return undefined;
  }
}
