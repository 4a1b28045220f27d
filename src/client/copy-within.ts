import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  baseName,
  formatApiPath,
  formatRemotePath,
  type RemotePath,
  userPath,
} from '../format/path.ts';
import type { Entry } from '../wire/generated/api.ts';
import { change, listPages, makeDirectory, stat } from './files.ts';
import { quote } from './local-error.ts';
import { type CopyCall, mayReplace } from './placement.ts';
import { findRemoteTarget } from './remote-target.ts';
import type { Session } from './session.ts';

export interface CopyWithinCall extends CopyCall {
  readonly session: Session;
  readonly source: RemotePath;
  readonly destination: RemotePath;
}

/** Copies inside a volume: the server makes a second name for the same content, no bytes move. */
export async function copyWithin(call: CopyWithinCall): Promise<void> {
  const { session, source, destination, placement, recursive, replace, at, signal, tally } = call;
  const path = formatApiPath(source);
  const entry = await stat(session, path, { at, signal });
  if (entry.kind === 'directory' && !recursive) {
    throw new GdpfsError(
      'is_a_directory',
      `cannot copy "${formatRemotePath(source)}": it is a directory`,
      { hint: 'use -r for directories' },
    );
  }
  const name = baseName(source.path);
  const target = await findRemoteTarget(session, destination, { name, placement, signal });
  if (target.existing !== undefined && !(await mayReplace(replace, quote(userPath(target.path))))) {
    tally.skip();
    return;
  }
  if (placement === 'inside') {
    await makeDirectory(session, formatApiPath(destination), { parents: true, signal });
  }
  const counts = await countsOf(call, entry);
  await change(
    session,
    path,
    { op: 'copy', to: target.path, recursive, ...(at === undefined ? {} : { at }) },
    { signal },
  );
  const { bytes } = counts;
  tally.addBytes(bytes);
  if (entry.kind === 'file') {
    tally.fileDone({ path: target.path, size: bytes, bytesSent: 0, bytesReused: bytes });
    return;
  }
  tally.files += counts.files;
  tally.directories += counts.directories;
  tally.links += counts.links;
  tally.bytesReused += bytes;
  tally.report();
}

/** What there is to copy: the server's answer tells only how many names that were. */
async function countsOf(
  { session, source, at, signal }: CopyWithinCall,
  entry: Entry,
): Promise<{ files: number; directories: number; links: number; bytes: number }> {
  const counts = { files: 0, directories: 0, links: 0, bytes: 0 };
  const add = ({ kind, size }: Entry): void => {
    if (kind === 'directory') counts.directories += 1;
    else if (kind === 'symlink') counts.links += 1;
    else counts.files += 1;
    if (kind === 'file') counts.bytes += size;
  };
  add(entry);
  if (entry.kind !== 'directory') return counts;
  const options = { recursive: true, limit: LIMITS.listPageMax, at, signal };
  for await (const { entries } of listPages(session, formatApiPath(source), options)) {
    for (const below of entries) add(below);
  }
  return counts;
}
