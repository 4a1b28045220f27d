import { Command, Option } from 'commander';
import { getAuthority } from '../../../client/administration.ts';
import { Servers } from '../../../client/servers.ts';
import type { Context, GlobalOptions } from '../../context.ts';
import { formatTime } from '../../format.ts';

interface CaOptions extends GlobalOptions {
  readonly json?: boolean;
  readonly pem?: boolean;
}

export function caCommand(context: Context): Command {
  return new Command('ca')
    .summary("show or export the server's certificate authority")
    .description(
      "Show the server's certificate authority, or write its certificate: what a proxy or another " +
        'program must trust. Its key stays in the folder of the server.',
    )
    .addOption(new Option('--pem', 'the certificate itself, on standard output').conflicts('json'))
    .option('--json', 'as a JSON object (Authority of the API)')
    .action(async (_: object, command: Command) => {
      const { profile, json, pem } = command.optsWithGlobals<CaOptions>();
      await using servers = new Servers(context.home, profile);
      const authority = await getAuthority(await servers.session(), { signal: context.signal });
      const { certificates, fingerprint, expiresMs, serverExpiresMs } = authority;
      const lines = [
        `SHA-256 ${fingerprint}`,
        `valid until ${formatTime(expiresMs)}`,
        `certificate of the server until ${formatTime(serverExpiresMs)}`,
      ];
      const text = pem ? certificates : `${json ? JSON.stringify(authority) : lines.join('\n')}\n`;
      await context.stdout.write(text);
    });
}
