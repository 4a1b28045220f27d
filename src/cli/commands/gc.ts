import { Command } from 'commander';
import { freeSpaceLocally } from '../../server/local-gc.ts';
import type { Context } from '../context.ts';
import { DATA_FOLDER_DEFAULT, parseDataFolder, requireDataFolder } from '../data-folder.ts';
import { gcOutcomeText, gcProgressText, sparedText } from '../gc-text.ts';

interface GcOptions {
  readonly data: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

export function gcCommand(context: Context): Command {
  return new Command('gc')
    .description(
      "Free the space of what a stopped server's volumes keep no more. A running server does so by itself; " +
        '"gdpfs admin gc" has it do so at once.',
    )
    .option('--data <folder>', 'the folder of the server', parseDataFolder, DATA_FOLDER_DEFAULT)
    .option('--dry-run', 'free nothing, and say what would be freed')
    .option('--json', 'as a JSON object')
    .action(async ({ data, dryRun = false, json }: GcOptions) => {
      const report = await freeSpaceLocally({
        ...requireDataFolder(data),
        dryRun,
        signal: context.signal,
        // Nothing waits for the warnings, and they come in order.
        warn: (message) => void context.report.warning(message),
        onProgress: (progress) => context.status.show(gcProgressText(progress)),
      });
      for (const one of report.spared) await context.report.warning(sparedText(one));
      await context.stdout.write(`${json ? JSON.stringify(report) : gcOutcomeText(report)}\n`);
    });
}
