import { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { GdpfsError } from '../../base/errors.ts';
import { openFileSystem } from '../../fs/open.ts';
import type { Context } from '../context.ts';
import { formatCount } from '../format.ts';
import { DATA_FOLDER_DEFAULT, parseDataFolder, requireDataFolder } from '../data-folder.ts';

export function indexCommand(context: Context): Command {
  return new Command('index')
    .description("Look after a stopped server's index.")
    .addCommand(rebuildCommand(context));
}

function rebuildCommand(context: Context): Command {
  return new Command('rebuild')
    .summary('make the index anew from the segments')
    .description('Throw the index away and make it anew from the segments, which hold everything.')
    .option('--data <folder>', 'the folder of the server', parseDataFolder, DATA_FOLDER_DEFAULT)
    .option('--json', 'as a JSON object')
    .action(async ({ data, json }: { data: string; json?: boolean }) => {
      const { store, keys } = requireDataFolder(data);
      await using opened = await openFileSystem({
        directory: store,
        keysDirectory: keys,
        clock: systemClock,
        // Nothing waits for the warnings, and they come in order.
        warn: (message) => void context.report.warning(message),
        rebuild: true,
        signal: context.signal,
      });
      const { damageCount } = opened;
      const volumes = opened.fs.listVolumes().length;
      await context.stdout.write(
        json
          ? `${JSON.stringify({ volumes, damageCount })}\n`
          : `rebuilt the index: ${formatCount(volumes, 'volume')}\n`,
      );
      if (damageCount === 0) return;
      throw new GdpfsError(
        'corrupt',
        `cannot index everything: ${damageCount} places are damaged`,
        {
          hint: 'run "gdpfs fsck" to see them',
        },
      );
    });
}
