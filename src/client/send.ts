import { type BigIntStats, statSync } from 'node:fs';
import { basename } from 'node:path';
import { GdpfsError } from '../base/errors.ts';
import { formatApiPath, type RemotePath, userPath } from '../format/path.ts';
import { change, makeDirectory } from './files.ts';
import { attributesOf } from './local-attributes.ts';
import { localError, quote } from './local-error.ts';
import { LocalReader } from './local-reader.ts';
import { compareMd5 } from './md5.ts';
import { type CopyCall, mayReplace } from './placement.ts';
import { findRemoteTarget, type RemoteTarget } from './remote-target.ts';
import type { Session } from './session.ts';
import { noPages, type TreePages } from './sync/action.ts';
import { localTreeSource } from './sync/local-tree-source.ts';
import { planTrees } from './sync/plan.ts';
import { listRemoteTree } from './sync/remote-tree.ts';
import { executeInVolume } from './sync/volume-executor.ts';
import { findUnfinishedTree, type UnfinishedTree } from './unfinished-tree.ts';
import { startFillThread } from './upload/fill-threads.ts';
import { uploadFile } from './upload.ts';
import { type VolumeToFill, volumeToFill } from './volumes.ts';

export interface SendCall extends CopyCall {
  /** Local path; a symbolic link is followed here, and only here. */
  readonly source: string;
  readonly session: Session;
  readonly destination: RemotePath;
}

/** Copies a local file or directory into a volume. */
export async function send(call: SendCall): Promise<void> {
  const { source } = call;
  const stats = statSource(source);
  if (!stats.isDirectory()) {
    startFillThread(Number(stats.size));
    const { isBegun } = findUnfinished(call);
    return await sendFile(call, await findTarget(call, isBegun), stats);
  }
  if (!call.recursive) {
    throw new GdpfsError('is_a_directory', `cannot copy ${quote(source)}: it is a directory`, {
      hint: 'use -r for directories',
    });
  }
  await using reader = new LocalReader({ root: source, rules: [], packsAhead: true });
  // Its thread takes as long to start as all that the server is asked before.
  const pages = reader.list();
  const filled = volumeToFill(call.session, call.destination.volume, call.signal);
  // It is awaited below, unless something else fails before.
  filled.catch(() => {});
  const unfinished = findUnfinished(call);
  const target = await findTarget(call, unfinished.isBegun);
  const isOurs = target.existing === undefined || unfinished.isBegun;
  // A copy inside a directory that exists goes to the same place again anyway.
  const isExact = target.path === formatApiPath(call.destination);
  if (isOurs && isExact) unfinished.begin();
  await sendDirectory(call, { ...target, isOurs }, { stats, reader, pages, filled });
  unfinished.end();
}

/** Where the copy goes. What a broken one has made is gone on with, not copied into. */
async function findTarget(call: SendCall, isBegun: boolean): Promise<RemoteTarget> {
  const { source, session, destination, signal } = call;
  const placement = isBegun ? 'exact' : call.placement;
  const name = nameOf(source);
  return await findRemoteTarget(session, destination, { name, placement, signal });
}

function findUnfinished({ source, session, ...call }: SendCall): UnfinishedTree {
  const { destination, transfer, tally, placement } = call;
  const path = formatApiPath(destination);
  const copy = { direction: 'up', local: source, server: session.url, path } as const;
  const directory = placement === 'either' ? transfer.journalDirectory : undefined;
  return findUnfinishedTree(directory, copy, tally);
}

async function sendFile(
  call: SendCall,
  { path, existing }: RemoteTarget,
  stats: BigIntStats,
): Promise<void> {
  const { source, session, tally, replace, transfer, signal } = call;
  if (existing?.kind === 'directory') {
    throw new GdpfsError(
      'is_a_directory',
      `cannot replace "${userPath(path)}" by a file: it is a directory`,
    );
  }
  if (existing !== undefined && !(await mayReplace(replace, quote(userPath(path))))) {
    tally.skip();
    return;
  }
  tally.expect({ files: 1, bytes: Number(stats.size) });
  tally.planComplete();
  const file = tally.beginFile();
  const result = await uploadFile(session, {
    source,
    path,
    parents: true,
    // Somebody else may be faster.
    ifAbsent: existing === undefined && replace === 'never',
    transfer,
    onProgress: file.onProgress,
    signal,
  });
  const { etag, seq } = result;
  const copies = { local: source, path, at: String(seq), etag, signal };
  file.done({ path, ...result, md5: await compareMd5(session, transfer, copies) });
}

interface LocalDirectory {
  readonly stats: BigIntStats;
  readonly reader: LocalReader;
  /** What is in it. */
  readonly pages: TreePages;
  /** Where it goes. */
  readonly filled: Promise<VolumeToFill>;
}

async function sendDirectory(
  call: SendCall,
  { path, existing, isOurs }: RemoteTarget & { readonly isOurs: boolean },
  { stats, reader, pages, filled }: LocalDirectory,
): Promise<void> {
  const { source, session, tally, replace, transfer, signal } = call;
  if (existing !== undefined && existing.kind !== 'directory') {
    throw new GdpfsError(
      'not_a_directory',
      `cannot replace "${userPath(path)}" by a directory: it is a ${existing.kind}`,
    );
  }
  const isMerged = !isOurs && replace !== 'always';
  if (isMerged && replace !== 'never' && !(await replace(`files in ${quote(userPath(path))}`))) {
    tally.skip();
    return;
  }
  const root = { parents: true, ...attributesOf(stats), signal };
  const ready = existing === undefined ? makeDirectory(session, path, root) : undefined;
  // Whoever sends something waits for it; the first files are packed meanwhile.
  ready?.catch(() => {});
  const volume = await filled;
  const there =
    existing === undefined ? noPages() : (await listRemoteTree(session, path, { signal })).pages;
  const actions = planTrees(pages, there, {
    by: 'content',
    existing: isMerged && replace === 'never' ? 'keep' : 'replace',
    // A link that is the same counts as copied: its source may go in a move.
    onKept: (_, why) => {
      if (why === 'exists') tally.skip();
      else tally.links += 1;
    },
    onFault: ({ relative, error }) => tally.fail({ path: `${source}/${relative}`, error }),
  });
  await executeInVolume(session, actions, {
    source: localTreeSource(session, {
      source,
      path,
      reader,
      volume,
      ready,
      tally,
      transfer,
      signal,
    }),
    path,
    tally,
    signal,
  });
  await ready;
  if (!isOurs) return;
  // A copy that was stopped has made it, maybe when its source was another.
  if (existing !== undefined) {
    await change(session, path, { op: 'set', ...attributesOf(stats) }, { signal });
  }
  tally.directories += 1;
  tally.report();
}

function statSource(path: string): BigIntStats {
  try {
    return statSync(path, { bigint: true });
  } catch (cause) {
    throw localError('read', path, cause);
  }
}

/** Empty for `.`, `..` and `/`: then the content is meant. */
function nameOf(path: string): string {
  const name = basename(path);
  return name === '.' || name === '..' ? '' : name;
}
