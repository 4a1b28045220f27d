import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { fsckStore } from '../../log/fsck.ts';
import type { Context } from '../context.ts';
import { DATA_FOLDER_DEFAULT, parseDataFolder, requireDataFolder } from '../data-folder.ts';
import { formatSize } from '../format.ts';

interface FsckOptions {
  readonly data: string;
  readonly json?: boolean;
}

export function fsckCommand(context: Context): Command {
  return new Command('fsck')
    .description(
      "Read every byte of a stopped server's data and check all digests and signatures. Changes nothing.",
    )
    .option('--data <folder>', 'the folder of the server', parseDataFolder, DATA_FOLDER_DEFAULT)
    .option('--json', 'as a JSON object')
    .action(async (options: FsckOptions) => {
      const { store } = requireDataFolder(options.data);
      const report = await fsckStore({
        directory: store,
        signal: context.signal,
        onProgress: ({ segment, bytes }) => {
          context.status.show(`segment ${segment}, ${formatSize(bytes)}`);
        },
      });
      for (const note of report.notes) await context.report.warning(note);
      if (options.json) await context.stdout.write(`${JSON.stringify(report)}\n`);
      for (const { segment, offset, what } of report.problems) {
        const where = `segment ${segment} at byte ${offset}`;
        await context.report.error(new GdpfsError('corrupt', `${where}: ${what}`));
      }
      if (options.json || report.problems.length > 0) return;
      const { volumes, commits, chunks, bytes, trimmed } = report;
      const gone = trimmed === 0 ? '' : `, ${trimmed} chunks trimmed`;
      await context.stdout.write(
        `no damage: ${volumes} logs, ${commits} commits, ${chunks} chunks, ${formatSize(bytes)}${gone}\n`,
      );
    });
}
