import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { copyCounted } from '../../client/transfer.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { openEndpoint } from '../endpoints.ts';
import { addOverwriteOptions, OVERWRITE_HELP } from '../overwrite.ts';
import { addRecursiveOption } from '../recursive.ts';
import { Servers } from '../../client/servers.ts';
import {
  addTransferOptions,
  flowOptionsOf,
  type TransferFlags,
  transferOptionsOf,
} from '../transfer-flags.ts';
import { withTransferReport } from '../transfer-report.ts';
import { addAtOption } from '../moment.ts';

interface CpOptions extends GlobalOptions, TransferFlags {
  readonly prove?: boolean;
  readonly recursive?: boolean;
  readonly at?: string;
}

export function cpCommand(context: Context): Command {
  const command = new Command('cp')
    .description(
      'Copy files, and with -r directories, to, from and inside volumes. Everything is verified; the ' +
        'same command again goes on where a broken one stopped. The last path is the destination: a ' +
        'directory that exists, or a path with "/" at the end, gets the sources under their own ' +
        'names, anything else is the name of the copy.',
    )
    .usage('[options] <source...> <destination>')
    .argument('<path...>', 'gdp://VOLUME/PATH, or local')
    .option('--prove', 'have it proven what is there, by what the writer of the volume has signed')
    .addHelpText('after', OVERWRITE_HELP);
  addAtOption(command, 'sources as they were');
  addRecursiveOption(command, 'copy directories with everything below');
  const replace = addOverwriteOptions(command, context);
  addTransferOptions(command);
  return command.action(async (paths: string[]) => {
    const options = command.optsWithGlobals<CpOptions>();
    const { profile, prove, recursive = false, at } = options;
    const { sources, destination } = splitPaths('copy', paths);
    const output = { ...options, verb: 'cp', done: 'copied', sources, destination };
    await withTransferReport(context, output, async (tally) => {
      const flow = { ...flowOptionsOf(context, options, tally), prove };
      await using servers = new Servers(context.home, profile, flow);
      const copy = {
        sources: await Promise.all(sources.map((text) => openEndpoint(servers, text))),
        destination: await openEndpoint(servers, destination),
        intoDirectory: destination.endsWith('/'),
        recursive,
        at,
        replace: replace(),
        transfer: transferOptionsOf(context, options),
        signal: context.signal,
      };
      await copyCounted(copy, tally);
    });
  });
}

/** The last path is where all others go. Throws `usage`. */
export function splitPaths(
  verb: string,
  paths: readonly string[],
): { sources: string[]; destination: string } {
  const sources = paths.slice(0, -1);
  const destination = paths.at(-1);
  if (destination === undefined || sources.length === 0) {
    throw new GdpfsError('usage', `cannot ${verb}: need a source and a destination`);
  }
  return { sources, destination };
}
