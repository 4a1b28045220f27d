import { Command } from 'commander';
import { utf8Decode } from '../../base/bytes.ts';
import { Servers } from '../../client/servers.ts';
import type { Context, GlobalOptions } from '../context.ts';

export function volumeCheckpointCommand(context: Context): Command {
  return new Command('checkpoint')
    .summary('print the newest checkpoint')
    .description(
      "Print the volume's newest checkpoint, a signed note, once it is verified and held to what was seen before.",
    )
    .argument('<volume>', 'gdp://VOLUME')
    .action(async (text: string, _: object, command: Command) => {
      const { profile } = command.optsWithGlobals<GlobalOptions>();
      await using servers = new Servers(context.home, profile);
      const { trusted } = await servers.locateText(text);
      await context.stdout.write(utf8Decode(trusted.note));
    });
}
