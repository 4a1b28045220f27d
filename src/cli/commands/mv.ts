import { rm } from 'node:fs/promises';
import { Command } from 'commander';
import { change, remove } from '../../client/files.ts';
import { mayReplace, type Replace } from '../../client/placement.ts';
import { findRemoteTarget } from '../../client/remote-target.ts';
import { baseName, parseRemotePath } from '../../format/path.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { copyReported } from '../copy-reported.ts';
import { forEachReported } from '../each.ts';
import { addOverwriteOptions, OVERWRITE_HELP } from '../overwrite.ts';
import { type RemoteFile, Servers } from '../servers.ts';
import { splitPaths } from './cp.ts';

interface MvOptions extends GlobalOptions {
  readonly verbose?: boolean;
}

interface Move {
  readonly source: string;
  readonly destination: string;
  /** The destination is a directory that gets the source under its own name. */
  readonly isInside: boolean;
  readonly replace: Replace;
  readonly verbose: boolean;
}

export function mvCommand(context: Context): Command {
  const command = new Command('mv')
    .description(
      'Rename files and directories inside a volume, each in one step, or move them into a volume or ' +
        'out of one: then they are copied, verified, and removed at the source. The last path is the ' +
        'destination, as for cp.',
    )
    .usage('[options] <source...> <destination>')
    .argument('<path...>', 'gdp://VOLUME/PATH, or local')
    .option('-v, --verbose', 'show what was moved')
    .addHelpText('after', OVERWRITE_HELP);
  const replace = addOverwriteOptions(command, context);
  return command.action(async (paths: string[]) => {
    const { profile, verbose = false } = command.optsWithGlobals<MvOptions>();
    const { sources, destination } = splitPaths(paths);
    const isInside = sources.length > 1 || destination.endsWith('/');
    await using servers = new Servers(context.home, profile);
    await forEachReported(context, sources, async (source) => {
      const move = { source, destination, isInside, replace: replace(), verbose };
      const from = parseRemotePath(source);
      const to = parseRemotePath(destination);
      if (from === undefined || to === undefined) return await moveAcross(context, servers, move);
      await rename(
        context,
        { from: await servers.locate(from), to: await servers.locate(to) },
        move,
      );
    });
  });
}

/** Inside a volume: one step, whatever is below. */
async function rename(
  context: Context,
  { from, to }: { readonly from: RemoteFile; readonly to: RemoteFile },
  { isInside, replace, verbose }: Move,
): Promise<void> {
  const { signal } = context;
  const target = await findRemoteTarget(to.session, to.remote, {
    name: baseName(from.remote.path),
    placement: isInside ? 'inside' : 'either',
    signal,
  });
  const isFree = target.existing === undefined;
  if (!isFree && !(await mayReplace(replace, JSON.stringify(target.path)))) return;
  const request = { op: 'rename', to: target.path } as const;
  const ifAbsent = isFree && replace === 'never';
  await change(from.session, from.apiPath, request, { signal, ...(ifAbsent ? { ifAbsent } : {}) });
  if (verbose) await context.stdout.write(`renamed ${from.text} to gdp:/${target.path}\n`);
}

/** Into a volume or out of one. The source goes only when all of it has arrived. */
async function moveAcross(context: Context, servers: Servers, move: Move): Promise<void> {
  const { source, isInside, replace, verbose } = move;
  const destination =
    isInside && !move.destination.endsWith('/') ? `${move.destination}/` : move.destination;
  const copy = { sources: [source], destination, recursive: true, replace };
  const { verified, skipped } = await copyReported(context, servers, copy, { verbose });
  if (!verified || skipped > 0) return;
  const remote = parseRemotePath(source);
  if (remote === undefined) return await rm(source, { recursive: true });
  const { session, apiPath } = await servers.locate(remote);
  await remove(session, apiPath, { recursive: true, signal: context.signal });
}
