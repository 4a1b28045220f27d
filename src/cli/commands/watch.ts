import { Command } from 'commander';
import { watchChanges } from '../../client/changes.ts';
import { requireNow, Servers } from '../../client/servers.ts';
import { formatRemotePath, parseApiPath } from '../../format/path.ts';
import type { VolumeChange } from '../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { formatSize, formatTime } from '../format.ts';
import { printable } from '../output.ts';
import { parseCount } from '../parse.ts';

interface WatchOptions extends GlobalOptions {
  readonly from?: number;
  readonly wait: boolean;
  readonly json?: boolean;
}

export function watchCommand(context: Context): Command {
  return new Command('watch')
    .description(
      'Show what happens in a volume as it happens, as far as you may see it, until interrupted. It is ' +
        'what the server says; "gdpfs log" has it proven.',
    )
    .argument('<path>', 'gdp://VOLUME or gdp://VOLUME/PATH: that and what is below it')
    .option('--from <seq>', 'begin with this record, not with what comes', parseCount)
    .option('--no-wait', 'stop at the end; without --from, show everything from the beginning')
    .option('--json', 'one JSON object (VolumeChange of the API) for each line')
    .action(async (text: string, _: object, command: Command) => {
      const { profile, from, wait, json } = command.optsWithGlobals<WatchOptions>();
      await using servers = new Servers(context.home, profile);
      const { session, remote } = await servers.locate(requireNow(text));
      const { signal } = context;
      try {
        for await (const change of watchChanges(session, {
          ...remote,
          from,
          follow: wait,
          signal,
        })) {
          const line = json ? JSON.stringify(change) : printable(describe(change), context.stdout);
          await context.stdout.write(`${line}\n`);
        }
      } catch (error) {
        if (!signal.aborted) throw error;
      }
    });
}

function describe({ seq, timeMs, author, change, kind, path, from, size }: VolumeChange): string {
  const slash = kind === 'directory' ? '/' : '';
  const name = formatRemotePath(parseApiPath(path)) + slash;
  const origin = from === undefined ? '' : ` from ${formatRemotePath(parseApiPath(from))}${slash}`;
  const bytes = size === undefined ? '' : ` (${formatSize(size)})`;
  return [
    String(seq).padStart(8),
    formatTime(timeMs),
    (author || '-').padEnd(8),
    change.padEnd(7),
    name + origin + bytes,
  ].join('  ');
}
