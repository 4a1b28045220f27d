import { Command } from 'commander';
import { GdpfsError, isGdpfsError } from '../../base/errors.ts';
import { makeDirectory } from '../../client/files.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { forEachReported } from '../each.ts';
import { Servers } from '../../client/servers.ts';

interface MkdirOptions extends GlobalOptions {
  readonly parents?: boolean;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

export function mkdirCommand(context: Context): Command {
  return new Command('mkdir')
    .description('Make directories.')
    .argument('<path...>', 'gdp://VOLUME/PATH')
    .option('-p, --parents', 'make missing parents too; no error if the directory exists')
    .option('-v, --verbose', 'show what was made')
    .option('--json', 'one JSON object (Entry of the API) for each directory')
    .action(async (paths: string[], _: object, command: Command) => {
      const { parents = false, verbose, json, profile } = command.optsWithGlobals<MkdirOptions>();
      await using servers = new Servers(context.home, profile);
      await forEachReported(context, paths, async (path) => {
        const { session, apiPath, text } = await servers.locateText(path);
        const { signal } = context;
        const entry = await makeDirectory(session, apiPath, { parents, signal }).catch(
          needsParents,
        );
        if (json) await context.stdout.write(`${JSON.stringify(entry)}\n`);
        else if (verbose) await context.stdout.write(`made ${text}\n`);
      });
    });
}

/** Nothing else can be missing. */
function needsParents(error: unknown): never {
  if (!isGdpfsError(error, 'not_found') || error.hint !== undefined) throw error;
  throw new GdpfsError(error.code, error.message, { hint: 'use -p to make missing parents, too' });
}
