import { Command } from 'commander';
import { readFile } from '../../client/read.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { forEachReported } from '../each.ts';
import { parseCount } from '../parse.ts';
import { addAtOption } from '../moment.ts';
import { Servers } from '../../client/servers.ts';

interface CatOptions extends GlobalOptions {
  readonly prove?: boolean;
  readonly at?: string;
  readonly offset?: number;
  readonly length?: number;
}

export function catCommand(context: Context): Command {
  const command = new Command('cat')
    .description('Print files. Every byte is verified before it is printed.')
    .argument('<path...>', 'gdp://VOLUME/PATH')
    .option('--prove', 'have it proven by what the writer of the volume has signed')
    .option('--offset <bytes>', 'begin here', parseCount)
    .option('--length <bytes>', 'print no more than this', parseCount);
  return addAtOption(command, 'as it was').action(async (paths: string[]) => {
    const { profile, prove, at, offset = 0, length } = command.optsWithGlobals<CatOptions>();
    const range = { offset, ...(length === undefined ? {} : { length }) };
    await using servers = new Servers(context.home, profile, { prove });
    await forEachReported(context, paths, async (text) => {
      const { session, apiPath } = await servers.locateText(text);
      const pieces = readFile(session, apiPath, { at, range, signal: context.signal });
      for await (const piece of pieces) await context.stdout.write(piece);
    });
  });
}
