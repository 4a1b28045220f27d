import { createInterface } from 'node:readline/promises';
import type { Command } from 'commander';
import type { Context } from './context.ts';

/** What to do about a file that is there already. */
export type Overwrite = 'always' | 'ask' | 'never';

export const OVERWRITE_HELP =
  '\nWhat exists at the destination is replaced; on a terminal you are asked before. Of several -f ' +
  'and -n the last one counts.';

/** Adds -f and -n; returns what was chosen, once the arguments are parsed. */
export function addOverwriteOptions(command: Command, context: Context): () => Overwrite {
  const canAsk = context.stdin.isTerminal && context.stderr.isTerminal;
  let overwrite: Overwrite = canAsk ? 'ask' : 'always';
  command
    .option('-f, --force', 'replace what exists, without asking')
    .option('-n, --no-clobber', 'never replace what exists')
    .on('option:force', () => {
      overwrite = 'always';
    })
    .on('option:no-clobber', () => {
      overwrite = 'never';
    });
  return () => overwrite;
}

/** A question with the answer no unless the user says yes. */
export async function confirm(context: Context, question: string): Promise<boolean> {
  const terminal = createInterface({ input: context.stdin.stream, output: context.stderr.stream });
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal: context.signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}
