import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { copyReported } from '../copy-reported.ts';
import { addOverwriteOptions, OVERWRITE_HELP } from '../overwrite.ts';
import { addRecursiveOption } from '../recursive.ts';
import { Servers } from '../servers.ts';

interface CpOptions extends GlobalOptions {
  readonly recursive?: boolean;
  readonly verbose?: boolean;
  readonly at?: string;
  readonly json?: boolean;
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
    .option('-v, --verbose', 'say what was copied')
    .option('--at <moment>', 'sources as they were after this seq, or at this time (RFC 3339)')
    .option('--json', 'say what was copied as a JSON object')
    .addHelpText('after', OVERWRITE_HELP);
  addRecursiveOption(command, 'copy directories with everything below');
  const replace = addOverwriteOptions(command, context);
  return command.action(async (paths: string[]) => {
    const { profile, recursive = false, at, verbose, json } = command.optsWithGlobals<CpOptions>();
    const { sources, destination } = splitPaths(paths);
    await using servers = new Servers(context.home, profile);
    const copy = { sources, destination, recursive, at, replace: replace() };
    await copyReported(context, servers, copy, { verbose, json });
  });
}

/** The last path is where all others go. Throws `usage`. */
export function splitPaths(paths: readonly string[]): { sources: string[]; destination: string } {
  const sources = paths.slice(0, -1);
  const destination = paths.at(-1);
  if (destination === undefined || sources.length === 0) {
    throw new GdpfsError('usage', 'cannot copy: need a source and a destination');
  }
  return { sources, destination };
}
