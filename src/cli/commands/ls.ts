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
import { type RemoteFile, Servers } from '../servers.ts';

interface LsOptions extends GlobalOptions {
  readonly long?: boolean;
  readonly recursive?: boolean;
  readonly at?: string;
  readonly json?: boolean;
}

export function lsCommand(context: Context): Command {
  const command = new Command('ls')
    .description('List what is in directories, in the order of the names.')
    .argument('<path...>', 'directories or files, gdp://VOLUME/PATH')
    .option('-l, --long', 'with mode, author, size and time')
    .option('--at <moment>', 'as it was after this seq, or at this time (RFC 3339)')
    .option('--json', 'one JSON object (Entry of the API) for each line');
  return addRecursiveOption(command, 'with everything below').action(async (paths: string[]) => {
    const options = command.optsWithGlobals<LsOptions>();
    await using servers = new Servers(context.home, options.profile);
    let isFirst = true;
    await forEachReported(context, paths, async (text) => {
      const file = await servers.locateText(text);
      if (paths.length > 1 && !options.json) {
        const heading = printable(text, context.stdout);
        await context.stdout.write(`${isFirst ? '' : '\n'}${heading}:\n`);
      }
      isFirst = false;
      await list(context, file, options);
    });
  });
}

async function list(context: Context, file: RemoteFile, options: LsOptions): Promise<void> {
  const { recursive = false, at } = options;
  const { signal } = context;
  try {
    const pages = listPages(file.session, file.apiPath, { recursive, at, signal });
    for await (const { entries } of pages) await print(context, { entries, file, options });
  } catch (error) {
    if (!isGdpfsError(error, 'not_a_directory')) throw error;
    const entry = await stat(file.session, file.apiPath, { at, signal });
    await print(context, { entries: [entry], file, options });
  }
}

interface Lines {
  readonly entries: readonly Entry[];
  readonly file: RemoteFile;
  readonly options: LsOptions;
}

async function print(context: Context, { entries, file, options }: Lines): Promise<void> {
  const lines = entries.map((entry) => {
    if (options.json) return `${JSON.stringify(entry)}\n`;
    const name = nameBelow(file, entry) + (entry.kind === 'directory' ? '/' : '');
    return `${printable(options.long ? longLine(entry, name) : name, context.stdout)}\n`;
  });
  await context.stdout.write(lines.join(''));
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
