import { GdpfsError } from '../base/errors.ts';
import { baseName, formatApiPath, formatRemotePath, type RemotePath } from '../format/path.ts';
import { change, makeDirectory, stat } from './files.ts';
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
  if (target.existing !== undefined && !(await mayReplace(replace, `"${target.path}"`))) {
    tally.skip();
    return;
  }
  if (placement === 'inside') {
    await makeDirectory(session, formatApiPath(destination), { parents: true, signal });
  }
  const { count } = await change(
    session,
    path,
    { op: 'copy', to: target.path, recursive, ...(at === undefined ? {} : { at }) },
    { signal },
  );
  tally.files += count;
  tally.bytesReused += entry.size;
  tally.addBytes(entry.size);
}
