import { setTimeout as delay } from 'node:timers/promises';
import { Command } from 'commander';
import { GdpfsError } from '../../../base/errors.ts';
import { LIMITS } from '../../../base/limits.ts';
import { freeSpace, spaceStatus } from '../../../client/administration.ts';
import { Servers } from '../../../client/servers.ts';
import type { Session } from '../../../client/session.ts';
import type { GcRun, GcStatus } from '../../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../../context.ts';
import { formatTime } from '../../format.ts';
import { gcOutcomeText, gcProgressText, sparedText } from '../../gc-text.ts';

interface GcOptions extends GlobalOptions {
  readonly dryRun?: boolean;
  readonly status?: boolean;
  readonly json?: boolean;
}

export function gcCommand(context: Context): Command {
  return new Command('gc')
    .summary('free the space of what is kept no more')
    .description(
      'Have the server free the space of what no state names that is kept: states of the last days that the ' +
        'policy of a volume says, and named ones. It does so by itself once a day; this is for who cannot wait. ' +
        'It goes on when this command is stopped.',
    )
    .option('--dry-run', 'change nothing, and say what would be freed')
    .option('--status', 'only say how it goes, or went last')
    .option('--json', 'as a JSON object (GcStatus of the API)')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<GcOptions>();
      await using servers = new Servers(context.home, options.profile);
      const session = await servers.session();
      const { signal } = context;
      const status = options.status
        ? await spaceStatus(session, { signal })
        : await finished(context, session, options.dryRun === true);
      if (options.json) await context.stdout.write(`${JSON.stringify(status)}\n`);
      else await describe(context, status);
      const { error } = status.run ?? {};
      if (error !== undefined) throw new GdpfsError(error.code, error.detail);
    });
}

/** Begins a run and waits for its end. One of the other kind that is under way is waited for first. */
async function finished(context: Context, session: Session, dryRun: boolean): Promise<GcStatus> {
  const { signal } = context;
  for (;;) {
    let status = await freeSpace(session, { dryRun }, { signal });
    const isOwn = status.run?.dryRun === dryRun;
    while (status.run !== undefined && status.run.endedMs === undefined) {
      context.status.show(gcProgressText(status.run));
      await delay(LIMITS.gcFollowMs, undefined, { signal });
      status = await spaceStatus(session, { signal });
    }
    if (isOwn) return status;
  }
}

async function describe(context: Context, { run, nextMs }: GcStatus): Promise<void> {
  for (const one of run?.spared ?? []) await context.report.warning(sparedText(one));
  const next = nextMs === undefined ? '' : `; next at ${formatTime(nextMs)}`;
  if (run === undefined) await context.stdout.write(`nothing was freed yet${next}\n`);
  else if (run.error === undefined) await context.stdout.write(`${runText(run)}${next}\n`);
}

function runText(run: GcRun): string {
  return run.endedMs === undefined ? gcProgressText(run) : gcOutcomeText(run);
}
