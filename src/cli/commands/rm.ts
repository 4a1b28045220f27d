import { Command } from 'commander';
import { isGdpfsError } from '../../base/errors.ts';
import { remove } from '../../client/files.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { forEachReported } from '../each.ts';
import { Servers } from '../servers.ts';

interface RmOptions extends GlobalOptions {
  readonly recursive?: boolean;
  readonly force?: boolean;
  readonly verbose?: boolean;
}

export function rmCommand(context: Context): Command {
  return new Command('rm')
    .description('Remove files, and with -r directories. History keeps what they were.')
    .argument('<path...>', 'gdp://VOLUME/PATH')
    .option('-r, -R, --recursive', 'remove directories with everything below')
    .option('-f, --force', 'no error if there is nothing to remove')
    .option('-v, --verbose', 'show what was removed')
    .action(async (paths: string[], _: object, command: Command) => {
      const { recursive, force, verbose, profile } = command.optsWithGlobals<RmOptions>();
      await using servers = new Servers(context.home, profile);
      await forEachReported(context, paths, async (path) => {
        const { session, apiPath, text } = await servers.locateText(path);
        // Without -r a directory is refused, also an empty one.
        const how = recursive ? { recursive } : { only: 'file' as const };
        try {
          await remove(session, apiPath, { ...how, signal: context.signal });
        } catch (error) {
          if (force && isGdpfsError(error, 'not_found')) return;
          throw error;
        }
        if (verbose) await context.stdout.write(`removed ${text}\n`);
      });
    });
}
