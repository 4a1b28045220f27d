import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { restore } from '../../client/restore.ts';
import { requireRemote, Servers } from '../../client/servers.ts';
import { formatRemotePath, type RemotePath } from '../../format/path.ts';
import type { TransferResult } from '../../client/tally.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { addAtOption } from '../moment.ts';
import { type OutputOptions, withTransferReport } from '../transfer-report.ts';

interface RestoreOptions extends GlobalOptions, OutputOptions {
  readonly at?: string;
  readonly force?: boolean;
}

export function restoreCommand(context: Context): Command {
  const command = new Command('restore')
    .description(
      'Make files and directories what they were: those that were changed, and those that were removed. A ' +
        'directory gets back what it had then, and loses what came later; no bytes move, and the history keeps what is now.',
    )
    .usage('--at <moment> [options] <path...>')
    .argument('<path...>', 'gdp://VOLUME/PATH')
    .option('-f, --force', 'without asking, on a terminal, whether that is meant')
    .option('-v, --verbose', 'name each thing that was done')
    .option('-q, --quiet', 'no summary')
    .option('--json', 'say what happens as NDJSON; the last line is the summary');
  return addAtOption(command, 'what they were').action(async (paths: string[]) => {
    await restoreAll(context, paths, command.optsWithGlobals<RestoreOptions>());
  });
}

async function restoreAll(
  context: Context,
  paths: readonly string[],
  { at: moment, profile, force, ...output }: RestoreOptions,
): Promise<void> {
  const places = paths.map((text) => placeOf(text, moment));
  const isAsked = context.isInteractive && force !== true;
  const names = { verb: 'restore', done: 'restored', sources: paths, destination: paths[0] ?? '' };
  const ways: string[] = [];
  const result = await withTransferReport(context, { ...output, ...names }, async (tally) => {
    await using servers = new Servers(context.home, profile);
    for (const { text, remote, at } of places) {
      const { session, trusted } = await servers.locate(remote);
      if (isAsked && !(await context.confirm(`make ${text} what it was?`))) {
        tally.skip();
        continue;
      }
      const place = { kind: 'remote', session, remote } as const;
      await restore({ place, at, tally, signal: context.signal });
      ways.push(`gdpfs restore --at ${trusted.checkpoint.count - 1} ${text}`);
    }
  });
  if (output.quiet === true || output.json === true || !hasChanged(result)) return;
  for (const way of ways) await context.report.note(`and back again: ${way}`);
}

interface Place {
  /** As it is now. */
  readonly text: string;
  readonly remote: RemotePath;
  readonly at: string;
}

/** Throws `usage` for none or two moments. */
function placeOf(text: string, moment: string | undefined): Place {
  const { at: pinned, ...remote } = requireRemote(text);
  if (moment !== undefined && pinned !== undefined) {
    throw new GdpfsError('usage', `cannot use "@${pinned}" together with --at`);
  }
  const at = moment ?? pinned;
  if (at === undefined) throw momentMissing(text);
  return { text: pinned === undefined ? text : formatRemotePath(remote), remote, at };
}

function hasChanged({ files, directories, links, removed }: TransferResult): boolean {
  return files + directories + links + removed > 0;
}

function momentMissing(path: string): GdpfsError {
  return new GdpfsError('usage', 'cannot restore: need --at, the moment to go back to', {
    hint: `"gdpfs log ${path}" shows when it was changed`,
  });
}
