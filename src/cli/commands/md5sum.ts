import { Command } from 'commander';
import { fileMd5 } from '../../client/md5.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { forEachReported } from '../each.ts';
import { printable } from '../output.ts';
import { addAtOption } from '../moment.ts';
import { Servers } from '../../client/servers.ts';

interface Md5sumOptions extends GlobalOptions {
  readonly at?: string;
  readonly json?: boolean;
}

export function md5sumCommand(context: Context): Command {
  const command = new Command('md5sum')
    .description(
      'Print the MD5 of files, as md5sum(1) does. The server makes it of the verified content; nothing ' +
        'is downloaded.',
    )
    .argument('<path...>', 'gdp://VOLUME/PATH')
    .option('--json', 'one JSON object (path, md5, size, etag) for each path');
  return addAtOption(command, 'as it was').action(async (paths: string[]) => {
    const { profile, at, json } = command.optsWithGlobals<Md5sumOptions>();
    await using servers = new Servers(context.home, profile);
    await forEachReported(context, paths, async (path) => {
      const { session, apiPath, text } = await servers.locateText(path);
      const sum = await fileMd5(session, apiPath, { at, signal: context.signal });
      const line = json ? JSON.stringify({ path: text, ...sum }) : md5sumLine(sum.md5, text);
      await context.stdout.write(`${printable(line, context.stdout)}\n`);
    });
  });
}

/** As md5sum(1) writes it, which escapes what would break the line and says so in front. */
function md5sumLine(md5: string, name: string): string {
  const escaped = name.replace(/[\\\n\r]/g, (character) => ESCAPES[character] ?? character);
  return `${escaped === name ? '' : '\\'}${md5}  ${escaped}`;
}

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r' };
