import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { changeKeptHistory } from '../../client/kept-history.ts';
import { type RemoteFile, requireVolume, Servers } from '../../client/servers.ts';
import { HISTORY_FOREVER } from '../../format/policy.ts';
import { policyOf } from '../../format/policy-change.ts';
import type { VolumePolicy } from '../../wire/generated/api.ts';
import { policyJson } from '../../wire/policy-json.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { formatCount } from '../format.ts';
import { parseCount } from '../parse.ts';

interface HistoryOptions extends GlobalOptions {
  readonly force?: boolean;
  readonly json?: boolean;
}

export function volumeHistoryCommand(context: Context): Command {
  return new Command('history')
    .summary('show or set for how long its past is kept')
    .description(
      'Show, or with DAYS set, for how long the past of a volume is kept: what was removed or replaced may be freed after so ' +
        'many days. Snapshots are kept longer. The owner of the volume signs it.',
    )
    .argument('<volume>', 'gdp://VOLUME, or its alias')
    .argument('[days]', 'a number, or "forever"', parseDays)
    .option('-f, --force', 'without asking, on a terminal, whether a shorter one is meant')
    .option('--json', 'as a JSON object (VolumePolicy of the API)')
    .action(async (text: string, days: number | undefined, _: object, command: Command) => {
      const options = command.optsWithGlobals<HistoryOptions>();
      await using servers = new Servers(context.home, options.profile);
      const file = await servers.locate(requireVolume(text));
      const policy =
        days === undefined
          ? policyJson(policyOf(file.trusted))
          : await change(context, file, { days, force: options.force });
      if (policy === undefined) return;
      const said = `${text}: ${describe(policy.historyDays)}`;
      await context.stdout.write(`${options.json ? JSON.stringify(policy) : said}\n`);
    });
}

/** Undefined if it is not meant. */
async function change(
  context: Context,
  file: RemoteFile,
  { days, force }: { readonly days: number; readonly force: boolean | undefined },
): Promise<VolumePolicy | undefined> {
  const { isInteractive, signal, home } = context;
  const isShorter = days < policyOf(file.trusted).historyDays;
  if (isInteractive && isShorter && force !== true) {
    const question = `keep no more than ${describe(days)} of ${file.text}?`;
    if (!(await context.confirm(question))) return undefined;
  }
  return await changeKeptHistory(file, { kind: 'history', days }, { keys: home.keys, signal });
}

function describe(days: number): string {
  return days === HISTORY_FOREVER ? 'all of its past' : formatCount(days, 'day');
}

/** Throws `usage`. */
function parseDays(text: string): number {
  if (text === 'forever') return HISTORY_FOREVER;
  const days = parseCount(text);
  if (days < HISTORY_FOREVER) return days;
  throw new GdpfsError('usage', `cannot keep ${days} days: need fewer, or "forever"`);
}
