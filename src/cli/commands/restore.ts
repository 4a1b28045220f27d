import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { restore } from '../../client/restore.ts';
import { requireRemote, Servers } from '../../client/servers.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { addAtOption } from '../moment.ts';
import { type OutputOptions, withTransferReport } from '../transfer-report.ts';

interface RestoreOptions extends GlobalOptions, OutputOptions {
  readonly at?: string;
}

export function restoreCommand(context: Context): Command {
  const command = new Command('restore')
    .description(
      'Make files and directories what they were: those that were changed, and those that were removed. A ' +
        'directory gets back what it had then, and loses what came later; no bytes move, and the history keeps what is now.',
    )
    .argument('<path...>', 'gdp://VOLUME/PATH')
    .option('-v, --verbose', 'name each thing that was done')
    .option('-q, --quiet', 'no summary')
    .option('--json', 'say what happens as NDJSON; the last line is the summary');
  return addAtOption(command, 'what they were').action(async (paths: string[]) => {
    const { at, profile, ...output } = command.optsWithGlobals<RestoreOptions>();
    if (at === undefined) throw momentMissing(paths);
    const places = paths.map(requireRemote);
    const names = {
      verb: 'restore',
      done: 'restored',
      sources: paths,
      destination: paths[0] ?? '',
    };
    await withTransferReport(context, { ...output, ...names }, async (tally) => {
      await using servers = new Servers(context.home, profile);
      for (const remote of places) {
        const place = await servers.endpoint(remote);
        await restore({ place, at, tally, signal: context.signal });
      }
    });
  });
}

function momentMissing([path = 'gdp://VOLUME/PATH']: readonly string[]): GdpfsError {
  return new GdpfsError('usage', 'cannot restore: need --at, the moment to go back to', {
    hint: `"gdpfs log ${path}" shows when it was changed`,
  });
}
