import { Command } from 'commander';
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
      const until = formatTime(me.certificateExpiresMs);
      await context.stdout.write(
        options.json
          ? `${JSON.stringify({ url: session.url, ...me })}\n`
          : `${me.principal} (${me.role}) at ${session.url}, certificate valid until ${until}\n`,
      );
    });
}
