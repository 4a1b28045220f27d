import { Command } from 'commander';
import { Servers } from '../../client/servers.ts';
import { rotateKey } from '../../client/volumes.ts';
import type { Context, GlobalOptions } from '../context.ts';

export function volumeKeyCommand(context: Context): Command {
  return new Command('key')
    .summary('replace the key that signs')
    .description("Replace a volume's writer key, which signs its changes.")
    .addCommand(rotateCommand(context));
}

function rotateCommand(context: Context): Command {
  return new Command('rotate')
    .summary('replace it by a new one')
    .description(
      'Have the server make a new writer key for the volume and its owner key sign it. From then on nothing that the old key signs counts.',
    )
    .argument('<volume>', 'gdp://VOLUME')
    .action(async (text: string, _: object, command: Command) => {
      const { profile } = command.optsWithGlobals<GlobalOptions>();
      await using servers = new Servers(context.home, profile);
      const { session, trusted } = await servers.locateText(text);
      const epoch = await rotateKey(session, trusted.name, { signal: context.signal });
      await context.stdout.write(`${text}: epoch ${epoch}\n`);
    });
}
