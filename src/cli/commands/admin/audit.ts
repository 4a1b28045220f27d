import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { GdpfsError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import { parseTime } from '../../../base/parse-time.ts';
import { readAudit } from '../../../client/administration.ts';
import { Servers } from '../../../client/servers.ts';
import type { AuditEntry } from '../../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../../context.ts';
import { formatTime } from '../../format.ts';
import { columns, writeRows } from '../../rows.ts';

interface AuditOptions extends GlobalOptions {
  readonly json?: boolean;
  readonly since?: string;
  readonly principal?: string;
  readonly follow?: boolean;
}

export function auditCommand(context: Context): Command {
  return new Command('audit')
    .summary('show changes and refused requests')
    .description(
      'Show every change that was made and every request that was refused: who, what, when, from ' +
        'where. Oldest first.',
    )
    .option('--since <time>', 'only what is not older, such as 2026-11-20T12:00')
    .option('--principal <name>', 'only what this principal asked for')
    .option('--follow', 'go on with what comes, until interrupted')
    .option('--json', 'one JSON object (AuditEntry of the API) for each line')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<AuditOptions>();
      await using servers = new Servers(context.home, options.profile);
      const session = await servers.session();
      const { json, principal, follow } = options;
      const query = { sinceMs: timeOf(options.since), principal };
      const { signal } = context;
      let cursor: string | undefined;
      for (;;) {
        const page = await readAudit(session, { ...query, cursor }, { signal });
        await writeRows(context, page.entries, { json, describe });
        cursor = page.cursor;
        if (page.more) continue;
        if (follow !== true || signal.aborted) return;
        await delay(LIMITS.auditFollowMs, undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return;
      }
    });
}

/** Throws `usage`. */
function timeOf(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const timeMs = parseTime(text);
  if (timeMs !== undefined) return Math.max(0, timeMs);
  const need = 'need one such as 2026-11-20T12:00';
  throw new GdpfsError('usage', `cannot use the time ${JSON.stringify(text)}: ${need}`);
}

function describe(entry: AuditEntry): string {
  const { timeMs, principal = '-', from = '-', operation, targets, code, repeats } = entry;
  const result = code === undefined ? 'done' : code;
  const more = repeats === undefined ? '' : ` (${repeats} times more)`;
  return columns(
    [formatTime(timeMs), 19],
    [principal, 12],
    [from, 15],
    [operation, 20],
    [`${result}${more}`, 9],
    [targets.join(' '), 0],
  );
}
