import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { type LogLine, readLog } from '../../client/log.ts';
import { requireNow, Servers } from '../../client/servers.ts';
import { formatRemotePath } from '../../format/path.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { formatSize, formatTime } from '../format.ts';
import { printable } from '../output.ts';
import { parseCount } from '../parse.ts';

interface LogOptions extends GlobalOptions {
  readonly limit: number;
  readonly before?: number;
  readonly json?: boolean;
}

const LIMIT_DEFAULT = 50;

export function logCommand(context: Context): Command {
  return new Command('log')
    .description(
      'Show who changed what and when, the newest first. Every line is checked: the record is in the log that ' +
        "the volume's writer has signed.",
    )
    .argument('<path>', 'gdp://VOLUME or gdp://VOLUME/PATH: that and what is below it')
    .option('-n, --limit <count>', 'no more than so many', parseCount, LIMIT_DEFAULT)
    .option('--before <seq>', 'go on before this record', parseCount)
    .option('--json', 'one JSON object for each change')
    .action(async (text: string, _: object, command: Command) => {
      const { profile, limit, before, json } = command.optsWithGlobals<LogOptions>();
      await using servers = new Servers(context.home, profile);
      const { session, remote, trusted } = await servers.locate(requireNow(text));
      const { path, volume } = remote;
      const { signal } = context;
      let count = 0;
      if (limit === 0) return;
      for await (const line of readLog(session, trusted, { path, before, signal })) {
        const shown = json ? JSON.stringify(line) : describe(line, volume);
        await context.stdout.write(`${json ? shown : printable(shown, context.stdout)}\n`);
        count += 1;
        if (count === limit) return;
      }
      if (count === 0 && before === undefined) throw unheardOf(text);
    });
}

/** A path of which the log never spoke is more likely mistyped than meant. */
function unheardOf(text: string): GdpfsError {
  const state = 'no record tells of it';
  return new GdpfsError('not_found', `cannot show the log of ${JSON.stringify(text)}: ${state}`);
}

function describe(line: LogLine, volume: string): string {
  const { seq, timeMs, author, change, path, kind, size, signature } = line;
  const name = formatRemotePath({ volume, path }) + (kind === 'directory' ? '/' : '');
  const columns = [
    String(seq).padStart(8),
    formatTime(timeMs),
    (author || '-').padEnd(8),
    change.padEnd(7),
    signature.padEnd(6),
    size === undefined ? name : `${name} (${formatSize(size)})`,
  ];
  return columns.join('  ');
}
