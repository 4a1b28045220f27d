import { Command, Option } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { createVolume } from '../../client/volumes.ts';
import type { CreateVolume } from '../../wire/generated/api.ts';
import { isAlias } from '../../format/path.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { writeVolumes } from '../volume-rows.ts';
import { Servers } from '../../client/servers.ts';
import { volumeCheckpointCommand } from './volume-checkpoint.ts';
import { volumeHistoryCommand } from './volume-history.ts';
import { volumeKeyCommand } from './volume-key.ts';
import { volumeRmCommand } from './volume-rm.ts';
import { volumeTrustCommand } from './volume-trust.ts';

interface CreateOptions extends GlobalOptions, Omit<CreateVolume, 'name'> {
  readonly json?: boolean;
}

interface ListOptions extends GlobalOptions {
  readonly json?: boolean;
}

export function volumeCommand(context: Context): Command {
  return new Command('volume')
    .description('Create, list and remove volumes, and say what is known of one.')
    .addCommand(createCommand(context))
    .addCommand(listCommand(context))
    .addCommand(volumeRmCommand(context))
    .addCommand(volumeTrustCommand(context))
    .addCommand(volumeCheckpointCommand(context))
    .addCommand(volumeKeyCommand(context))
    .addCommand(volumeHistoryCommand(context));
}

function createCommand(context: Context): Command {
  return new Command('create')
    .summary('create a volume')
    .description('Create a volume; it is then gdp://ALIAS/.')
    .argument('<alias>', ALIAS_NEED, parseAlias)
    .addOption(new Option('--chunking <mode>', 'how files are cut').choices(['fixed', 'cdc']))
    .addOption(
      new Option('--custody <who>', 'who signs changes: the server, or who has the key').choices([
        'server',
        'client',
      ]),
    )
    .option('--public', 'every principal may read it (the default for the volume "public")')
    .option('--json', 'as a JSON object (Volume of the API)')
    .action(async (name: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<CreateOptions>();
      const { profile, chunking, custody, json } = options;
      await using servers = new Servers(context.home, profile);
      const request = {
        name,
        ...(chunking === undefined ? {} : { chunking }),
        ...(custody === undefined ? {} : { custody }),
        ...(options.public === true ? { public: true } : {}),
      };
      const session = await servers.session();
      const { signal, home } = context;
      const volume =
        custody === 'client'
          ? await (await import('../../client/custody/new-volume.ts')).createOwnVolume(
              session,
              home.keys,
              { ...request, signal },
            )
          : await createVolume(session, request, { signal });
      // Its first checkpoint counts from now on.
      await servers.locate({ volume: volume.name, path: '' });
      const text = json
        ? JSON.stringify(volume)
        : `created gdp://${volume.alias}/ (${volume.name})`;
      await context.stdout.write(`${text}\n`);
    });
}

const ALIAS_NEED = `1 to ${LIMITS.aliasLengthMax} of a-z, 0-9 and -`;

/** Throws `usage`. */
function parseAlias(text: string): string {
  if (isAlias(text)) return text;
  throw new GdpfsError('usage', `cannot create volume ${JSON.stringify(text)}: need ${ALIAS_NEED}`);
}

function listCommand(context: Context): Command {
  return new Command('ls')
    .summary('list the volumes that you may use')
    .description(
      'List the volumes that you may use: owner, what you may do, what it holds and may hold, and since when.',
    )
    .option('--json', 'one JSON object (Volume of the API) for each line')
    .action(async (_: object, command: Command) => {
      const { profile, json } = command.optsWithGlobals<ListOptions>();
      await writeVolumes(context, profile, json ? 'json' : 'long');
    });
}
