import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { measureTree, type TreeUsage } from '../../client/tree-usage.ts';
import { type RemoteFile, Servers } from '../../client/servers.ts';
import { formatRemotePath, joinPath } from '../../format/path.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { forEachReported } from '../each.ts';
import { formatCount, formatSize } from '../format.ts';
import { LineWriter } from '../line-writer.ts';
import { addAtOption } from '../moment.ts';
import { printable } from '../output.ts';
import { parseCount } from '../parse.ts';

interface DuOptions extends GlobalOptions {
  readonly depth?: number;
  readonly summarize?: boolean;
  readonly bytes?: boolean;
  readonly prove?: boolean;
  readonly at?: string;
  readonly json?: boolean;
}

export function duCommand(context: Context): Command {
  const command = new Command('du')
    .description(
      'Show how much is in directories: size of the content, files, path; a directory after those in it. What ' +
        'several files share counts for each of them.',
    )
    .argument('<path...>', 'gdp://VOLUME/PATH')
    .option('-d, --depth <count>', 'no directories that are further down', parseCount)
    .option('-s, --summarize', 'only what was named, as with --depth 0')
    .option('-b, --bytes', 'sizes in bytes')
    .option('--prove', 'have it proven by what the writer of the volume has signed')
    .option('--json', 'one JSON object (path, bytes, files, links, directories) for each line');
  return addAtOption(command, 'as it was').action(async (paths: string[]) => {
    const options = command.optsWithGlobals<DuOptions>();
    if (options.summarize && options.depth !== undefined) {
      throw new GdpfsError('usage', 'cannot use --summarize together with --depth');
    }
    const { profile, prove } = options;
    await using servers = new Servers(context.home, profile, { prove });
    await forEachReported(context, paths, async (text) => {
      await show(context, await servers.locateText(text), options);
    });
  });
}

async function show(
  { stdout, signal }: Context,
  { session, apiPath, remote }: RemoteFile,
  options: DuOptions,
): Promise<void> {
  const { at, summarize, depth = summarize ? 0 : undefined } = options;
  const lines = new LineWriter(stdout);
  for await (const usage of measureTree(session, apiPath, { at, depth, signal })) {
    const below = usage.relative === '' ? remote.path : joinPath(remote.path, usage.relative);
    const path = formatRemotePath({ ...remote, path: below });
    lines.write(printable(lineOf(usage, path, options), stdout));
  }
  await lines.end();
}

function lineOf(usage: TreeUsage, path: string, options: DuOptions): string {
  const { bytes, files, links, directories } = usage;
  if (options.json) return JSON.stringify({ path, bytes, files, links, directories });
  const size = options.bytes ? String(bytes).padStart(15) : formatSize(bytes).padStart(9);
  return `${size}  ${formatCount(files, 'file').padStart(13)}  ${path}`;
}
