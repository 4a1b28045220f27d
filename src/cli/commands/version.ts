import { Command } from 'commander';
import type { Context } from '../context.ts';
import { readVersion } from '../version.ts';

export function versionCommand(context: Context): Command {
  return new Command('version')
    .description('Show the version of this program.')
    .option('--json', 'as a JSON object')
    .action(async (options: { json?: boolean }) => {
      const version = readVersion();
      const text = options.json ? JSON.stringify({ version }) : `gdpfs ${version}`;
      await context.stdout.write(`${text}\n`);
    });
}
