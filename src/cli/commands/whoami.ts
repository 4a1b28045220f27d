import { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { validityOf } from '../../client/credentials.ts';
import { whoami } from '../../client/volumes.ts';
import type { Whoami } from '../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { formatSize, formatTime } from '../format.ts';
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
      const { me, url } = await ask(context, options.profile);
      await warnBeforeExpiry(context, options.profile);
      const until = formatTime(me.certificateExpiresMs);
      await context.stdout.write(
        options.json
          ? `${JSON.stringify({ url, ...me })}\n`
          : `${me.principal} (${me.role}) at ${url}, certificate valid until ${until}\n${homeLine(me)}`,
      );
    });
}

/** The session is over afterwards, and with it a renewal of the certificate that was due. */
async function ask(
  context: Context,
  profile: string | undefined,
): Promise<{ readonly me: Whoami; readonly url: string }> {
  await using servers = new Servers(context.home, profile);
  const session = await servers.session();
  return { me: await whoami(session, { signal: context.signal }), url: session.url };
}

/** Renewal begins when a third of a certificate's life is left: with less, it does not work. */
const WORRY_AT = 1 / 4;

async function warnBeforeExpiry(context: Context, profileName: string | undefined): Promise<void> {
  const { certificate } = await context.home.profile(profileName);
  const { expiresMs, lifeMs } = validityOf(certificate);
  const leftMs = expiresMs - systemClock.now();
  if (leftMs > lifeMs * WORRY_AT) return;
  const days = Math.max(0, Math.floor(leftMs / DAY_MS));
  await context.report.warning(
    `the certificate ends in ${days} days and was not renewed: ask an admin for an invitation or a new bundle`,
  );
}

const DAY_MS = 24 * 3600 * 1000;

/** What the home volume holds and may hold; nothing for those who have none. */
function homeLine({ home }: Whoami): string {
  if (home === undefined) return '';
  const { alias, usage, quota } = home;
  const held = usage === undefined ? '?' : formatSize(usage.bytes);
  return `gdp://${alias}/ holds ${held}${quota?.bytes ? ` of ${formatSize(quota.bytes)}` : ''}\n`;
}
