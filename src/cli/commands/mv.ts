import { rm } from 'node:fs/promises';
import { Command } from 'commander';
import { isFaultOfOne } from '../../client/fault-scope.ts';
import { areInOneVolume } from '../../client/copy-between.ts';
import { change, remove } from '../../client/files.ts';
import { mayReplace, type Replace } from '../../client/placement.ts';
import { findRemoteTarget } from '../../client/remote-target.ts';
import type { Tally } from '../../client/tally.ts';
import { copyCounted } from '../../client/transfer.ts';
import type { TransferOptions } from '../../client/transfer-options.ts';
import { baseName, parseRemotePath, userPath } from '../../format/path.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { openEndpoint } from '../endpoints.ts';
import { addOverwriteOptions, OVERWRITE_HELP } from '../overwrite.ts';
import { type RemoteFile, Servers } from '../../client/servers.ts';
import {
  addTransferOptions,
  flowOptionsOf,
  type TransferFlags,
  transferOptionsOf,
} from '../transfer-flags.ts';
import { withTransferReport } from '../transfer-report.ts';
import { splitPaths } from './cp.ts';

type MvOptions = GlobalOptions & TransferFlags;

interface Move {
  readonly source: string;
  readonly destination: string;
  /** The destination is a directory that gets the source under its own name. */
  readonly isInside: boolean;
  readonly replace: Replace;
  readonly transfer: TransferOptions;
  readonly tally: Tally;
}

export function mvCommand(context: Context): Command {
  const command = new Command('mv')
    .description(
      'Rename files and directories inside a volume, each in one step, or move them into a volume, out ' +
        'of one, or into another: then they are copied, verified, and removed at the source. The last ' +
        'path is the destination, as for cp.',
    )
    .usage('[options] <source...> <destination>')
    .argument('<path...>', 'gdp://VOLUME/PATH, or local')
    .addHelpText('after', OVERWRITE_HELP);
  const replace = addOverwriteOptions(command, context);
  addTransferOptions(command);
  return command.action(async (paths: string[]) => {
    const options = command.optsWithGlobals<MvOptions>();
    const { sources, destination } = splitPaths('move', paths);
    const isInside = sources.length > 1 || destination.endsWith('/');
    const transfer = transferOptionsOf(context, options);
    const output = { ...options, verb: 'mv', done: 'moved', sources, destination };
    await withTransferReport(context, output, async (tally) => {
      const flow = flowOptionsOf(context, options, tally);
      await using servers = new Servers(context.home, options.profile, flow);
      for (const source of sources) {
        const move = { source, destination, isInside, replace: replace(), transfer, tally };
        try {
          await moveOne(context, servers, move);
        } catch (error) {
          if (!isFaultOfOne(error) || sources.length === 1) throw error;
          tally.fail({ path: source, error });
        }
      }
    });
  });
}

async function moveOne(context: Context, servers: Servers, move: Move): Promise<void> {
  const from = parseRemotePath(move.source);
  const to = parseRemotePath(move.destination);
  if (from === undefined || to === undefined) return await moveAcross(context, servers, move);
  const places = { from: await servers.locate(from), to: await servers.locate(to) };
  if (await areInOneVolume(places.from, places.to, context.signal)) {
    await rename(context, places, move);
  } else await moveAcross(context, servers, move);
}

/** Inside a volume: one step, whatever is below. */
async function rename(
  context: Context,
  { from, to }: { readonly from: RemoteFile; readonly to: RemoteFile },
  { isInside, replace, tally }: Move,
): Promise<void> {
  const { signal } = context;
  const target = await findRemoteTarget(to.session, to.remote, {
    name: baseName(from.remote.path),
    placement: isInside ? 'inside' : 'either',
    signal,
  });
  const isFree = target.existing === undefined;
  if (!isFree && !(await mayReplace(replace, JSON.stringify(userPath(target.path)))))
    return tally.skip();
  const request = { op: 'rename', to: target.path } as const;
  const ifAbsent = isFree && replace === 'never';
  await change(from.session, from.apiPath, request, { signal, ...(ifAbsent ? { ifAbsent } : {}) });
  tally.rename({ from: from.text, path: target.path });
}

/** Into a volume, out of one, or from one into another. The source goes only when all of it has arrived. */
async function moveAcross(context: Context, servers: Servers, move: Move): Promise<void> {
  const { source, destination, isInside, replace, transfer, tally } = move;
  const { signal } = context;
  const before = { failed: tally.errors.length, skipped: tally.skipped };
  const copy = {
    sources: [await openEndpoint(servers, source)],
    destination: await openEndpoint(servers, destination),
    intoDirectory: isInside,
    recursive: true,
    replace,
    transfer,
    signal,
  };
  await copyCounted(copy, tally);
  if (tally.errors.length > before.failed || tally.skipped > before.skipped) return;
  const remote = parseRemotePath(source);
  if (remote === undefined) return await rm(source, { recursive: true });
  const { session, apiPath } = await servers.locate(remote);
  await remove(session, apiPath, { recursive: true, signal });
}
