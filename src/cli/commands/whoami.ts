import { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { validityOf } from '../../client/credentials.ts';
import { whoami } from '../../client/volumes.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { formatTime } from '../format.ts';
import { Servers } from '../../client/servers.ts';

interface WhoamiOptions extends GlobalOptions {
  readonly json?: boolean;
}

export function whoamiCommand(context: Context): Command {
  return new Command('whoami')
    .description('Show who you are at the server, and until when.')
    .option('--json', 'as a JSON object')
    .action(async (_: object, command: Command) => {
      const options = command.optsWithGlobals<WhoamiOptions>();
      await using servers = new Servers(context.home, options.profile);
      const session = await servers.session();
      const me = await whoami(session, { signal: context.signal });
      await warnBeforeExpiry(context, options.profile, me.certificateExpiresMs);
      const until = formatTime(me.certificateExpiresMs);
      await context.stdout.write(
        options.json
          ? `${JSON.stringify({ url: session.url, ...me })}\n`
          : `${me.principal} (${me.role}) at ${session.url}, certificate valid until ${until}\n`,
      );
    });
}

/** Renewal begins when a third of a certificate's life is left: with less, it does not work. */
const WORRY_AT = 1 / 4;

async function warnBeforeExpiry(
  context: Context,
  profileName: string | undefined,
  expiresMs: number,
): Promise<void> {
  const { certificate } = await context.home.profile(profileName);
  const leftMs = expiresMs - systemClock.now();
  if (leftMs > validityOf(certificate).lifeMs * WORRY_AT) return;
  const days = Math.max(0, Math.floor(leftMs / DAY_MS));
  await context.report.warning(
    `the certificate ends in ${days} days and was not renewed: ask an admin for an invitation or a new bundle`,
  );
}

const DAY_MS = 24 * 3600 * 1000;
