import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { requireVolume, Servers } from '../../client/servers.ts';
import { getVolume, removeVolume } from '../../client/volumes.ts';
import type { Volume } from '../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { formatSize } from '../format.ts';

interface RemoveOptions extends GlobalOptions {
  readonly force?: boolean;
  readonly yes?: boolean;
  readonly json?: boolean;
}

export function volumeRmCommand(context: Context): Command {
  return new Command('rm')
    .summary('remove a volume, with its history')
    .description(
      'Remove a volume, with its history, for good (for admins). What is in it must be removed before, unless forced. Those ' +
        'who have used it refuse another volume of its name until they say "gdpfs volume trust --reset".',
    )
    .argument('<volume>', 'gdp://VOLUME, or its alias')
    .option('--force', 'also if it is not empty')
    .option('-y, --yes', 'without asking')
    .option('--json', 'as a JSON object (RemovedVolume of the API)')
    .action(async (text: string, _: object, command: Command) => {
      await removeOne(context, text, command.optsWithGlobals<RemoveOptions>());
    });
}

async function removeOne(context: Context, text: string, options: RemoveOptions): Promise<void> {
  const { home, signal, stdout } = context;
  const { profile: global, force, yes, json } = options;
  await using servers = new Servers(home, global);
  const { session, remote, trusted } = await servers.locate(requireVolume(text));
  if (yes !== true) {
    const volume = await getVolume(session, trusted.name, { signal });
    if (!(await isConfirmed(context, volume))) return;
  }
  const removed = await removeVolume(session, trusted.name, { force, signal });
  // Another one of its name is new to us.
  const profile = await home.profile(remote.profile ?? global);
  await home.checkpoints.forget(removed.name);
  await home.forgetVolume(profile, removed.alias);
  await stdout.write(
    json ? `${JSON.stringify(removed)}\n` : `removed gdp://${removed.alias}/ (${removed.name})\n`,
  );
}

/** Throws `usage` where nobody can answer. */
async function isConfirmed(context: Context, { alias, usage, count }: Volume): Promise<boolean> {
  if (!context.isInteractive) {
    throw new GdpfsError(
      'usage',
      `cannot remove volume "${alias}": nobody can be asked, need --yes`,
    );
  }
  const held = usage === undefined ? '' : `${usage.entries} names, ${formatSize(usage.bytes)}, `;
  return await context.confirm(`remove volume ${alias} (${held}${count} records) for good?`);
}
