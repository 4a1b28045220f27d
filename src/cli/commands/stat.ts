import { Command } from 'commander';
import { stat } from '../../client/files.ts';
import type { Entry } from '../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { forEachReported } from '../each.ts';
import { formatMode, formatTime } from '../format.ts';
import { printable } from '../output.ts';
import { addAtOption } from '../moment.ts';
import { Servers } from '../../client/servers.ts';

interface StatOptions extends GlobalOptions {
  readonly prove?: boolean;
  readonly at?: string;
  readonly json?: boolean;
}

export function statCommand(context: Context): Command {
  const command = new Command('stat')
    .description('Show what is known of files and directories.')
    .argument('<path...>', 'gdp://VOLUME/PATH')
    .option('--prove', 'have it proven by what the writer of the volume has signed')
    .option('--json', 'one JSON object (Entry of the API) for each line');
  return addAtOption(command, 'as it was').action(async (paths: string[]) => {
    const { at, json, profile, prove } = command.optsWithGlobals<StatOptions>();
    await using servers = new Servers(context.home, profile, { prove });
    await forEachReported(context, paths, async (path) => {
      const { session, apiPath, text } = await servers.locateText(path);
      const entry = await stat(session, apiPath, { at, signal: context.signal });
      const lines = json ? `${JSON.stringify(entry)}\n` : describe(entry, text);
      await context.stdout.write(json ? lines : printableLines(lines, context));
    });
  });
}

function describe(entry: Entry, path: string): string {
  const rows: readonly (readonly [string, string | number | undefined])[] = [
    ['path', path],
    ['kind', entry.kind],
    ['size', entry.kind === 'file' ? entry.size : undefined],
    ['target', entry.target],
    ['mode', formatMode(entry.kind, entry.mode)],
    ['modified', formatTime(entry.mtimeUs / 1000)],
    ['author', entry.author],
    ['node', entry.node],
    ['seq', entry.seq],
    ['content', entry.etag],
    ['file log', entry.log],
    ['root', entry.root],
  ];
  return rows
    .filter(([, value]) => value !== undefined && value !== '')
    .map(([name, value]) => `${`${name}:`.padEnd(10)}${value}\n`)
    .join('');
}

function printableLines(text: string, context: Context): string {
  const lines = text.split('\n');
  return lines.map((line) => printable(line, context.stdout)).join('\n');
}
