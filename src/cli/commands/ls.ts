import { Command } from 'commander';
import { isGdpfsError } from '../../base/errors.ts';
import { listPages, stat } from '../../client/files.ts';
import { baseName } from '../../format/path.ts';
import type { Entry } from '../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { forEachReported } from '../each.ts';
import { formatMode, formatTime } from '../format.ts';
import { printable } from '../output.ts';
import { addRecursiveOption } from '../recursive.ts';
import { addAtOption } from '../moment.ts';
import { writeVolumes } from '../volume-rows.ts';
import { type RemoteFile, Servers } from '../../client/servers.ts';

interface LsOptions extends GlobalOptions {
  readonly prove?: boolean;
  readonly long?: boolean;
  readonly recursive?: boolean;
  readonly at?: string;
  readonly json?: boolean;
}

export function lsCommand(context: Context): Command {
  const command = new Command('ls')
    .description(
      'List what is in directories, in the order of the names; without a path, the volumes that you may use.',
    )
    .argument('[path...]', 'directories or files, gdp://VOLUME/PATH')
    .option('-l, --long', 'with mode, author, size and time')
    .option('--prove', 'have it proven by what the writer of the volume has signed')
    .option('--json', 'one JSON object (Entry of the API, or Volume) for each line');
  addAtOption(command, 'as it was');
  return addRecursiveOption(command, 'with everything below').action(async (paths: string[]) => {
    const options = command.optsWithGlobals<LsOptions>();
    if (paths.length === 0) {
      const form = options.json ? 'json' : options.long ? 'long' : 'short';
      return await writeVolumes(context, options.profile, form);
    }
    await using servers = new Servers(context.home, options.profile, { prove: options.prove });
    let listed = 0;
    await forEachReported(context, paths, async (text) => {
      const file = await servers.locateText(text);
      const name = `${listed === 0 ? '' : '\n'}${printable(text, context.stdout)}:\n`;
      const heading = paths.length > 1 && !options.json ? name : '';
      await list(context, file, { ...options, heading });
      listed += 1;
    });
  });
}

interface ListingOptions extends LsOptions {
  /** What stands above the listing of one of several paths. */
  readonly heading: string;
}

async function list(context: Context, file: RemoteFile, options: ListingOptions): Promise<void> {
  const { recursive = false, at } = options;
  const { signal } = context;
  let { heading } = options;
  const print = async (entries: readonly Entry[]): Promise<void> => {
    const lines = entries.map((entry) => {
      return `${printable(lineOf(entry, file, options), context.stdout)}\n`;
    });
    await context.stdout.write(heading + lines.join(''));
    heading = '';
  };
  try {
    const pages = listPages(file.session, file.apiPath, { recursive, at, signal });
    for await (const { entries } of pages) await print(entries);
  } catch (error) {
    if (!isGdpfsError(error, 'not_a_directory')) throw error;
    await print([await stat(file.session, file.apiPath, { at, signal })]);
  }
}

function lineOf(entry: Entry, file: RemoteFile, { json, long }: LsOptions): string {
  if (json) return JSON.stringify(entry);
  const name = nameBelow(file, entry) + (entry.kind === 'directory' ? '/' : '');
  return long ? longLine(entry, name) : name;
}

/** The path below what was listed; the entry's own name if it is that itself. */
function nameBelow(file: RemoteFile, entry: Entry): string {
  // The entry's path begins with the alias; what was asked for may have begun with the name.
  const path = entry.path.slice(entry.path.indexOf('/', 1) + 1);
  const below = path.slice(file.remote.path === '' ? 0 : file.remote.path.length + 1);
  return below === '' ? baseName(path) : below;
}

function longLine(entry: Entry, name: string): string {
  const columns = [
    formatMode(entry.kind, entry.mode),
    entry.author.padEnd(8),
    String(entry.size).padStart(12),
    formatTime(entry.mtimeUs / 1000),
    name,
  ];
  const target = entry.target === undefined ? '' : ` -> ${entry.target}`;
  return columns.join('  ') + target;
}
