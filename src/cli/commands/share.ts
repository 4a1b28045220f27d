import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { createShare, listShares, revokeShare } from '../../client/shares.ts';
import { Servers } from '../../client/servers.ts';
import type { Share } from '../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { parseDuration } from '../duration.ts';
import { formatTime } from '../format.ts';
import { columns, writeRows } from '../rows.ts';

interface ShareOptions extends GlobalOptions {
  readonly json?: boolean;
  readonly expires: string;
}

/** `share PATH`, and beside it `share ls` and `share revoke ID`. */
export function shareCommand(context: Context): Command {
  return new Command('share')
    .description(
      'Make a link with which anybody who has it can read a file, or a directory and all below it, in ' +
        'a browser and without an account. It follows renames, and ends when its time is over, when ' +
        'it is revoked, or when you may not share the path any more. For whoever has "admin" there.',
    )
    .argument('<path>', 'gdp://VOLUME/PATH')
    .option('--expires <time>', 'how long it works: 30m, 12h, 7d', '7d')
    .option('--json', 'as a JSON object (NewShare of the API)')
    .action(async (path: string, _: object, command: Command) => {
      const { profile, json, expires } = command.optsWithGlobals<ShareOptions>();
      const lifeMs = parseLife(expires);
      await using servers = new Servers(context.home, profile);
      const { session, apiPath } = await servers.locateText(path);
      const share = await createShare(
        session,
        { path: apiPath, lifeMs },
        { signal: context.signal },
      );
      const url = `${session.url}${share.url}`;
      await context.stdout.write(`${json ? JSON.stringify({ ...share, url }) : url}\n`);
      await context.report.note(
        `it works until ${formatTime(share.expiresMs)}; "gdpfs share revoke ${share.id}" ends it`,
      );
    })
    .addCommand(listCommand(context))
    .addCommand(revokeCommand(context));
}

/** Throws `usage`. */
function parseLife(text: string): number {
  const lifeMs = parseDuration(text);
  if (lifeMs <= LIMITS.shareLifeMsMax) return lifeMs;
  const need = `need at most ${LIMITS.shareLifeMsMax / DAY_MS}d`;
  throw new GdpfsError('usage', `cannot share for ${JSON.stringify(text)}: ${need}`);
}

const DAY_MS = 24 * 3600 * 1000;

function listCommand(context: Context): Command {
  return new Command('ls')
    .summary('list the links that work')
    .description('List your links that still work; admins see those of everybody.')
    .option('--json', 'one JSON object (Share of the API) for each line')
    .action(async (_: object, command: Command) => {
      const { profile, json } = command.optsWithGlobals<ShareOptions>();
      await using servers = new Servers(context.home, profile);
      const rows = await listShares(await servers.session(), { signal: context.signal });
      await writeRows(context, rows, { json, describe });
    });
}

function revokeCommand(context: Context): Command {
  return new Command('revoke')
    .summary('end a link')
    .description('End a link: from the next request on it is refused.')
    .argument('<id>', 'as "gdpfs share ls" shows it')
    .option('--json', 'as a JSON object (Share of the API), as it was')
    .action(async (id: string, _: object, command: Command) => {
      const { profile, json } = command.optsWithGlobals<ShareOptions>();
      await using servers = new Servers(context.home, profile);
      const row = await revokeShare(await servers.session(), id, { signal: context.signal });
      await writeRows(context, [row], { json, describe });
    });
}

function describe({ id, author, expiresMs, path }: Share): string {
  const where = path === undefined ? '(nowhere)' : `gdp:/${path}`;
  return columns([id, 16], [author, 12], [`until ${formatTime(expiresMs)}`, 25], [where, 0]);
}
