import { Command } from 'commander';
import { utf8Decode } from '../../base/bytes.ts';
import { requireVolume, Servers } from '../../client/servers.ts';
import type { Context, GlobalOptions } from '../context.ts';

interface CheckpointOptions extends GlobalOptions {
  readonly json?: boolean;
}

export function volumeCheckpointCommand(context: Context): Command {
  return new Command('checkpoint')
    .summary('print the newest checkpoint')
    .description(
      "Print the volume's newest checkpoint, a signed note, once it is verified and held to what was seen before.",
    )
    .argument('<volume>', 'gdp://VOLUME, or its alias')
    .option('--json', 'as a JSON object: volume, records, epoch, timeMs, note')
    .action(async (text: string, _: object, command: Command) => {
      const { profile, json } = command.optsWithGlobals<CheckpointOptions>();
      await using servers = new Servers(context.home, profile);
      const { trusted } = await servers.locate(requireVolume(text));
      const note = utf8Decode(trusted.note);
      const { count: records, epoch, timeMs } = trusted.checkpoint;
      const fields = { volume: trusted.name, records, epoch, timeMs, note };
      await context.stdout.write(json === true ? `${JSON.stringify(fields)}\n` : note);
    });
}
