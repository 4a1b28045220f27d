import { spawnSync } from 'node:child_process';
import type { Kind } from './contender.ts';

/** Throws if two files, or two trees, are not equal in content and names. */
export function compare(kind: Kind, sent: string, back: string): void {
  const differences = kind === 'file' ? lines('cmp', sent, back) : lines('diff', '-rq', sent, back);
  if (differences.length > 0) throw differ(differences);
}

/** How many names are below `back` and not below `sent`. Throws if there is any other difference. */
export function countOrphans(sent: string, back: string): number {
  const differences = lines('diff', '-rq', sent, back);
  if (!differences.every((line) => line.startsWith(`Only in ${back}`))) throw differ(differences);
  return differences.length;
}

/** What a program says, which exits 0 only if it says nothing. */
function lines(program: string, ...args: readonly string[]): string[] {
  const { error, status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (error !== undefined) throw error;
  return status === 0 ? [] : (stdout + stderr).trim().split('\n');
}

function differ(differences: readonly string[]): Error {
  return new Error(`what came back differs: ${differences.slice(0, 5).join('; ')}`);
}
