import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { GdpfsError } from '../base/errors.ts';
import { formatApiPath, type RemotePath } from '../format/path.ts';
import { change, makeDirectory } from './files.ts';
import { attributesOf } from './local-attributes.ts';
import { localError, quote } from './local-error.ts';
import { LocalReader } from './local-reader.ts';
import { compareMd5 } from './md5.ts';
import { type CopyCall, mayReplace } from './placement.ts';
import { findRemoteTarget, type RemoteTarget } from './remote-target.ts';
import type { Session } from './session.ts';
import { noPages } from './sync/action.ts';
import { localTreeSource } from './sync/local-tree-source.ts';
import { planTrees } from './sync/plan.ts';
import { listRemoteTree } from './sync/remote-tree.ts';
import { executeInVolume } from './sync/volume-executor.ts';
import { findUnfinishedTree, type UnfinishedTree } from './unfinished-tree.ts';
import { uploadFile } from './upload.ts';
import { volumeToFill } from './volumes.ts';

export interface SendCall extends CopyCall {
  /** Local path; a symbolic link is followed here, and only here. */
  readonly source: string;
  readonly session: Session;
  readonly destination: RemotePath;
}

/** Copies a local file or directory into a volume. */
export async function send(call: SendCall): Promise<void> {
  const { source, session, destination, signal } = call;
  const stats = await statSource(source);
  const name = nameOf(source);
  const unfinished = await findUnfinished(call);
  // What a broken copy has made is gone on with, not taken for a directory to copy into.
  const placement = unfinished.isBegun ? 'exact' : call.placement;
  const target = await findRemoteTarget(session, destination, { name, placement, signal });
  if (!stats.isDirectory()) return await sendFile(call, target, stats);
  const isOurs = target.existing === undefined || unfinished.isBegun;
  // A copy inside a directory that exists goes to the same place again anyway.
  const isExact = target.path === formatApiPath(destination);
  if (isOurs && isExact && call.recursive) await unfinished.begin();
  await sendDirectory(call, { ...target, isOurs }, stats);
  await unfinished.end();
}

async function findUnfinished({ source, session, ...call }: SendCall): Promise<UnfinishedTree> {
  const { destination, transfer, tally, placement } = call;
  const path = formatApiPath(destination);
  const copy = { direction: 'up', local: source, server: session.url, path } as const;
  const directory = placement === 'either' ? transfer.journalDirectory : undefined;
  return await findUnfinishedTree(directory, copy, tally);
}

async function sendFile(
  call: SendCall,
  { path, existing }: RemoteTarget,
  stats: BigIntStats,
): Promise<void> {
  const { source, session, tally, replace, transfer, signal } = call;
  if (existing?.kind === 'directory') {
    throw new GdpfsError('is_a_directory', `cannot replace "${path}" by a file: it is a directory`);
  }
  if (existing !== undefined && !(await mayReplace(replace, quote(path)))) {
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

async function sendDirectory(
  call: SendCall,
  { path, existing, isOurs }: RemoteTarget & { readonly isOurs: boolean },
  stats: BigIntStats,
): Promise<void> {
  const { source, session, destination, tally, recursive, replace, transfer, signal } = call;
  if (!recursive) {
    throw new GdpfsError('is_a_directory', `cannot copy ${quote(source)}: it is a directory`, {
      hint: 'use -r for directories',
    });
  }
  if (existing !== undefined && existing.kind !== 'directory') {
    throw new GdpfsError(
      'not_a_directory',
      `cannot replace "${path}" by a directory: it is a ${existing.kind}`,
    );
  }
  const isMerged = !isOurs && replace !== 'always';
  if (isMerged && replace !== 'never' && !(await replace(`files in ${quote(path)}`))) {
    tally.skip();
    return;
  }
  const volume = await volumeToFill(session, destination.volume, signal);
  if (existing === undefined) await makeDirectory(session, path, { parents: true, signal });
  await using reader = new LocalReader({ root: source, rules: [] });
  const there =
    existing === undefined ? noPages() : (await listRemoteTree(session, path, { signal })).pages;
  const actions = planTrees(reader.list(), there, {
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
      tally,
      transfer,
      signal,
    }),
    path,
    tally,
    signal,
  });
  if (!isOurs) return;
  await change(session, path, { op: 'set', ...attributesOf(stats) }, { signal });
  tally.directories += 1;
  tally.report();
}

async function statSource(path: string): Promise<BigIntStats> {
  try {
    return await stat(path, { bigint: true });
  } catch (cause) {
    throw localError('read', path, cause);
  }
}

/** Empty for `.`, `..` and `/`: then the content is meant. */
function nameOf(path: string): string {
  const name = basename(path);
  return name === '.' || name === '..' ? '' : name;
}
