import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import {
  formatAction as formatActionLine,
  formatHeader,
  readPlanHeader,
} from '../../client/sync/plan-file.ts';
import {
  applySyncPlan,
  planSync,
  type SyncOptions,
  syncCounted,
  writeSyncPlan,
} from '../../client/sync/sync.ts';
import type { FilterRule } from '../../client/sync/filter.ts';
import { Tally } from '../../client/tally.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { openEndpoint } from '../endpoints.ts';
import { addFilterOptions, FILTER_HELP } from '../filter-options.ts';
import { LineWriter } from '../line-writer.ts';
import { printable } from '../output.ts';
import { parseCount } from '../parse.ts';
import { countActions, formatAction, formatPlanSummary } from '../plan-text.ts';
import { Servers } from '../../client/servers.ts';
import {
  addTransferOptions,
  flowOptionsOf,
  type TransferFlags,
  transferOptionsOf,
} from '../transfer-flags.ts';
import { withTransferReport } from '../transfer-report.ts';
import { addAtOption } from '../moment.ts';

interface SyncFlags extends GlobalOptions, TransferFlags {
  readonly checksum?: boolean;
  readonly sizeOnly?: boolean;
  readonly delete?: boolean;
  readonly deleteExcluded?: boolean;
  readonly maxDelete?: number;
  readonly ignoreExisting?: boolean;
  readonly update?: boolean;
  readonly dryRun?: boolean;
  readonly plan?: string;
  readonly apply?: string;
  readonly at?: string;
}

export function syncCommand(context: Context): Command {
  const command = new Command('sync')
    .description(
      'Make the directory DESTINATION like the directory SOURCE: what is in SOURCE goes into ' +
        'DESTINATION, with or without "/" at the end. Files of the same size and time are taken to be the same. ' +
        'Nothing is removed without --delete.',
    )
    .usage('[options] <source> <destination>')
    .argument('[path...]', 'gdp://VOLUME/PATH, or local')
    .option('--checksum', 'compare files by their content')
    .option('--size-only', 'compare files by their size alone')
    .option('--delete', 'remove at the destination what the source does not have')
    .option('--delete-excluded', 'also what is left out by a pattern')
    .option('--max-delete <count>', 'do nothing if more names would be removed', parseCount)
    .option('--ignore-existing', 'leave files alone that exist')
    .option('-u, --update', 'leave files alone that are newer at the destination')
    .option('-n, --dry-run', 'only say what would be done; with --json as a plan')
    .option('--plan <file>', 'only write what would be done to a file')
    .option('--apply <file>', 'do what such a file says, if nothing has changed since')
    .addHelpText('after', FILTER_HELP);
  addAtOption(command, 'the source as it was');
  const rules = addFilterOptions(command);
  addTransferOptions(command);
  return command.action(async (paths: string[]) => {
    const flags = command.optsWithGlobals<SyncFlags>();
    checkFlags(flags);
    const names = await namesOf(paths, flags);
    if (flags.dryRun || flags.plan !== undefined) {
      return await plan(context, flags, { ...names, rules: await rules() });
    }
    await run(context, flags, { ...names, rules: await rules() });
  });
}

interface Named {
  /** As on the command line. */
  readonly source: string;
  readonly destination: string;
  readonly rules: readonly FilterRule[];
}

/** Throws `usage` for what contradicts itself. */
function checkFlags(flags: SyncFlags): void {
  const { checksum, sizeOnly, dryRun, plan, apply, ignoreExisting, update } = flags;
  const together = (left: string, right: string): GdpfsError =>
    new GdpfsError('usage', `cannot use --${left} together with --${right}`);
  if (checksum && sizeOnly) throw together('checksum', 'size-only');
  if (ignoreExisting && update) throw together('ignore-existing', 'update');
  if (apply !== undefined && plan !== undefined) throw together('apply', 'plan');
  if (apply !== undefined && dryRun) throw together('apply', 'dry-run');
}

/** A plan that is applied knows its places. Throws `usage`. */
async function namesOf(
  paths: readonly string[],
  { apply }: SyncFlags,
): Promise<{ readonly source: string; readonly destination: string }> {
  const [source, destination] = paths;
  if (source !== undefined && destination !== undefined && paths.length === 2) {
    return { source, destination };
  }
  if (apply !== undefined && paths.length === 0) return await readPlanHeader(apply);
  throw new GdpfsError('usage', 'cannot synchronize: need a source and a destination');
}

async function run(context: Context, flags: SyncFlags, named: Named): Promise<void> {
  const { source, destination } = named;
  const output = { ...flags, verb: 'sync', done: 'copied', sources: [source], destination };
  await withTransferReport(context, output, async (tally) => {
    const flow = flowOptionsOf(context, flags, tally);
    await using servers = new Servers(context.home, flags.profile, flow);
    const options = await syncOptions(context, servers, { flags, named });
    if (flags.apply === undefined) await syncCounted(options, tally);
    else await applySyncPlan(options, tally, flags.apply);
  });
}

/** Says what would be done, or writes it down. */
async function plan(context: Context, flags: SyncFlags, named: Named): Promise<void> {
  await using servers = new Servers(context.home, flags.profile);
  const options = await syncOptions(context, servers, { flags, named });
  const tally = new Tally();
  if (flags.plan !== undefined) {
    const count = await writeSyncPlan(options, tally, flags.plan);
    if (!flags.quiet)
      await context.report.note(
        `wrote ${count} ${count === 1 ? 'action' : 'actions'} to ${flags.plan}`,
      );
  } else await printPlan(context, options, { flags, tally });
  for (const { error, path } of tally.errors) await context.report.error(error, path);
}

async function printPlan(
  context: Context,
  options: SyncOptions,
  { flags, tally }: { readonly flags: SyncFlags; readonly tally: Tally },
): Promise<void> {
  const { stdout, report } = context;
  const counts = { files: 0, bytes: 0, others: 0, removed: 0 };
  const lines = new LineWriter(stdout);
  await planSync(options, tally, async ({ header, pages }) => {
    if (flags.json) lines.write(formatHeader(header));
    for await (const actions of pages) {
      countActions(counts, actions);
      for (const action of actions) {
        lines.write(
          flags.json ? formatActionLine(action) : printable(formatAction(action), stdout),
        );
      }
    }
  });
  await lines.end();
  if (!flags.quiet && !flags.json) await report.note(formatPlanSummary(counts));
}

async function syncOptions(
  context: Context,
  servers: Servers,
  { flags, named }: { readonly flags: SyncFlags; readonly named: Named },
): Promise<SyncOptions> {
  const { checksum, sizeOnly, deleteExcluded = false, ignoreExisting, update, at } = flags;
  return {
    source: await openEndpoint(servers, named.source),
    destination: await openEndpoint(servers, named.destination),
    by: checksum ? 'content' : sizeOnly ? 'size' : 'time',
    remove: flags.delete === true || deleteExcluded,
    removeExcluded: deleteExcluded,
    removalsMax: flags.maxDelete,
    existing: ignoreExisting ? 'keep' : update ? 'newer' : 'replace',
    rules: named.rules,
    transfer: transferOptionsOf(context, flags),
    at,
    signal: context.signal,
  };
}
