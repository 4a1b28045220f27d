import type { Command } from 'commander';
import type { Replace } from '../client/placement.ts';
import type { Context } from './context.ts';

export const OVERWRITE_HELP =
  '\nWhat exists at the destination is replaced; on a terminal you are asked before. Of several\n' +
  '-f and -n the last one counts.';

/** Adds -f and -n; returns what to do with what exists, once the arguments are parsed. */
export function addOverwriteOptions(command: Command, context: Context): () => Replace {
  const ask = (target: string): Promise<boolean> => context.confirm(`replace ${target}?`);
  let replace: Replace = context.isInteractive ? ask : 'always';
  command
    .option('-f, --force', 'replace what exists, without asking')
    .option('-n, --no-clobber', 'never replace what exists')
    .on('option:force', () => {
      replace = 'always';
    })
    .on('option:no-clobber', () => {
      replace = 'never';
    });
  return () => replace;
}
