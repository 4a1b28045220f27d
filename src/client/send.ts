import type { BigIntStats } from 'node:fs';
import { stat } from 'node:fs/promises';
import { basename } from 'node:path';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { RemotePath } from '../format/path.ts';
import { change, listPages, makeDirectory } from './files.ts';
import { attributesOf } from './local-attributes.ts';
import { localError, quote } from './local-error.ts';
import { type CopyCall, mayReplace } from './placement.ts';
import { findRemoteTarget, type RemoteTarget } from './remote-target.ts';
import type { Session } from './session.ts';
import { uploadFile } from './upload.ts';
import { uploadTree } from './upload-tree.ts';

export interface SendCall extends CopyCall {
  /** Local path; a symbolic link is followed here, and only here. */
  readonly source: string;
  readonly session: Session;
  readonly destination: RemotePath;
}

/** Copies a local file or directory into a volume. */
export async function send(call: SendCall): Promise<void> {
  const { source, session, destination, signal, placement } = call;
  const stats = await statSource(source);
  const name = nameOf(source);
  const target = await findRemoteTarget(session, destination, { name, placement, signal });
  if (stats.isDirectory()) await sendDirectory(call, target, stats);
  else await sendFile(call, target);
}

async function sendFile(call: SendCall, { path, existing }: RemoteTarget): Promise<void> {
  const { source, session, tally, replace, transfer, signal } = call;
  if (existing?.kind === 'directory') {
    throw new GdpfsError('is_a_directory', `cannot replace "${path}" by a file: it is a directory`);
  }
  if (existing !== undefined && !(await mayReplace(replace, quote(path)))) {
    tally.skip();
    return;
  }
  const result = await uploadFile(session, {
    source,
    path,
    parents: true,
    // Somebody else may be faster.
    ifAbsent: existing === undefined && replace === 'never',
    transfer,
    onProgress: (bytes) => tally.addBytes(bytes),
    signal,
  });
  tally.fileDone({ path, ...result });
}

async function sendDirectory(
  call: SendCall,
  { path, existing }: RemoteTarget,
  stats: BigIntStats,
): Promise<void> {
  const { source, session, tally, recursive, replace, transfer, signal } = call;
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
  if (existing === undefined) await makeDirectory(session, path, { parents: true, signal });
  const isMerged = existing !== undefined && replace !== 'always';
  if (isMerged && replace !== 'never' && !(await replace(`files in ${quote(path)}`))) {
    tally.skip();
    return;
  }
  const kept = isMerged && replace === 'never' ? await listNames(session, path, signal) : undefined;
  await uploadTree(session, {
    source,
    path,
    tally,
    transfer,
    signal,
    ...(kept === undefined ? {} : { kept }),
  });
  if (existing !== undefined) return;
  await change(session, path, { op: 'set', ...attributesOf(stats) }, { signal });
  tally.directories += 1;
  tally.report();
}

/** Paths of all files and links below a directory, relative to it. */
async function listNames(
  session: Session,
  path: string,
  signal: AbortSignal | undefined,
): Promise<ReadonlySet<string>> {
  const names = new Set<string>();
  const pages = listPages(session, path, { recursive: true, limit: LIMITS.listPageMax, signal });
  for await (const { entry, entries } of pages) {
    for (const { kind, path: name } of entries) {
      if (kind !== 'directory') names.add(name.slice(entry.path.length + 1));
    }
  }
  return names;
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
