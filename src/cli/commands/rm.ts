import { Command } from 'commander';
import { GdpfsError, isGdpfsError } from '../../base/errors.ts';
import { remove } from '../../client/files.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { forEachReported } from '../each.ts';
import { addRecursiveOption } from '../recursive.ts';
import { type RemoteFile, Servers } from '../../client/servers.ts';

interface RmOptions extends GlobalOptions {
  readonly recursive?: boolean;
  readonly force?: boolean;
  readonly verbose?: boolean;
  readonly json?: boolean;
}

export function rmCommand(context: Context): Command {
  const command = new Command('rm')
    .description(
      'Remove files, and with -r directories. History keeps what they were: "gdpfs restore" brings it back.',
    )
    .argument('<path...>', 'gdp://VOLUME/PATH')
    .option('-f, --force', 'no error if there is nothing to remove')
    .option('-v, --verbose', 'show what was removed')
    .option('--json', 'one JSON object (path, seq, node, count) for each path');
  addRecursiveOption(command, 'remove directories with everything below');
  return command.action(async (paths: string[]) => {
    const options = command.optsWithGlobals<RmOptions>();
    await using servers = new Servers(context.home, options.profile);
    await forEachReported(context, paths, async (text) => {
      await removeOne(context, await servers.locateText(text), options);
    });
  });
}

async function removeOne(
  context: Context,
  { session, apiPath, text, remote }: RemoteFile,
  { recursive, force, verbose, json }: RmOptions,
): Promise<void> {
  if (remote.path === '') {
    throw new GdpfsError('usage', `cannot remove "${text}": it is a volume`, {
      hint: 'name what is in it; "gdpfs volume rm" removes a volume',
    });
  }
  // Without -r a directory is refused, also an empty one.
  const how = recursive ? { recursive } : { only: 'file' as const };
  try {
    const result = await remove(session, apiPath, { ...how, signal: context.signal });
    if (json) await context.stdout.write(`${JSON.stringify({ path: text, ...result })}\n`);
    else if (verbose) await context.stdout.write(`removed ${text}\n`);
  } catch (error) {
    if (force && isGdpfsError(error, 'not_found')) return;
    if (!recursive && isGdpfsError(error, 'is_a_directory')) throw needsRecursive(error);
    throw error;
  }
}

function needsRecursive({ code, message }: GdpfsError): GdpfsError {
  return new GdpfsError(code, message, { hint: 'use -r for directories' });
}
