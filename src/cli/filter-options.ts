import { readFile } from 'node:fs/promises';
import type { Command } from 'commander';
import { type FilterRule, parseFilterFile } from '../client/sync/filter.ts';
import { localError } from '../client/local-error.ts';

export const FILTER_HELP =
  '\nPatterns: "*" and "?" match anything but "/", "**" also "/", "[a-z]" one of these. "/" at the\n' +
  'start means the root of the source, at the end a directory. Of all --include, --exclude and\n' +
  '--filter-from, in their order, the first pattern that matches decides; what none matches is in.\n' +
  'A filter file has a rule a line, "+ PATTERN" or "- PATTERN", and comments behind "#".';

type Given = FilterRule | { readonly kind: 'file'; readonly path: string };

/** Adds the options for patterns; returns what gives their rules, once the arguments are parsed. */
export function addFilterOptions(command: Command): () => Promise<FilterRule[]> {
  // In the order of the command line, over all three options.
  const given: Given[] = [];
  const keep = (kind: FilterRule['kind']) => (pattern: string) =>
    void given.push({ kind, pattern });
  command
    .option('--include <pattern>', 'do not leave out what matches', keep('include'))
    .option('--exclude <pattern>', 'leave out what matches', keep('exclude'))
    .option('--filter-from <file>', 'read such rules from a file', (path: string) => {
      given.push({ kind: 'file', path });
    });
  return async () => (await Promise.all(given.map(rulesOf))).flat();
}

async function rulesOf(given: Given): Promise<FilterRule[]> {
  if (given.kind !== 'file') return [given];
  try {
    return parseFilterFile(await readFile(given.path, 'utf8'));
  } catch (cause) {
    throw localError('read', given.path, cause);
  }
}
