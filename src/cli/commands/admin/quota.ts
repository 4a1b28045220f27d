import { Command } from 'commander';
import { GdpfsError } from '../../../base/errors.ts';
import { setQuota } from '../../../client/administration.ts';
import { Servers } from '../../../client/servers.ts';
import { getVolume } from '../../../client/volumes.ts';
import { parseRemotePath } from '../../../format/path.ts';
import type { Volume } from '../../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../../context.ts';
import { parseCount, parseSize } from '../../parse.ts';
import { columns, writeRows } from '../../rows.ts';

interface QuotaOptions extends GlobalOptions {
  readonly json?: boolean;
  readonly bytes?: string;
  readonly entries?: string;
}

export function quotaCommand(context: Context): Command {
  return new Command('quota')
    .summary('show or set how much a volume may hold')
    .description(
      'Show what a volume holds and may hold, or set that. What it holds already stays; only changes ' +
        'that make it grow are refused. Unfinished uploads count.',
    )
    .argument('<volume>', 'gdp://VOLUME, or its name')
    .option('--bytes <size>', 'content of its files, such as 100GB or 2TiB; none for no limit')
    .option('--entries <number>', 'files, links and directories; 0 for no limit')
    .option('--json', 'as a JSON object (Volume of the API)')
    .action(async (text: string, _: object, command: Command) => {
      const { profile, json, bytes, entries } = command.optsWithGlobals<QuotaOptions>();
      await using servers = new Servers(context.home, profile);
      const session = await servers.session();
      const name = volumeOf(text);
      const call = { signal: context.signal };
      let volume = await getVolume(session, name, call);
      if (bytes !== undefined || entries !== undefined) {
        const { quota = { bytes: 0, entries: 0 } } = volume;
        const wanted = {
          bytes: bytes === undefined ? quota.bytes : parseSize(bytes),
          entries: entries === undefined ? quota.entries : parseCount(entries),
        };
        volume = await setQuota(session, { volume: name, quota: wanted }, call);
      }
      await writeRows(context, [volume], { json, describe });
    });
}

/** Throws `usage` for a path in a volume. */
function volumeOf(text: string): string {
  const { volume = text, path = '', at } = parseRemotePath(text) ?? {};
  if (path === '' && at === undefined) return volume;
  throw new GdpfsError('usage', `cannot use ${JSON.stringify(text)}: need "gdp://VOLUME"`);
}

function describe({ alias, usage, quota }: Volume): string {
  const of = (held: number | undefined, limit: number | undefined): string =>
    limit ? `${held ?? '?'} of ${limit}` : `${held ?? '?'}`;
  return columns(
    [alias, 16],
    [`${of(usage?.bytes, quota?.bytes)} bytes`, 30],
    [`${of(usage?.entries, quota?.entries)} entries`, 0],
  );
}
