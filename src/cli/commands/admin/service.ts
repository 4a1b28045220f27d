import { Command } from 'commander';
import type { Context } from '../../context.ts';
import { parseCount, parseName } from '../../parse.ts';
import { addPrincipal, type AddOptions } from './add-principal.ts';

interface ServiceOptions extends AddOptions {
  readonly days: string;
}

export function serviceCommand(context: Context): Command {
  return new Command('service')
    .summary('make logins for programs')
    .description('Make logins for programs, such as pods that mount them as a read-only secret.')
    .addCommand(addCommand(context));
}

function addCommand(context: Context): Command {
  return new Command('add')
    .summary('make a login for a program')
    .description(
      'Make a service and a login for it: a folder or a .zip that is its $GDPFS_HOME and need not be ' +
        'writable. Its certificate lives long and is not renewed; run this again for a new one. A ' +
        'service owns nothing: give it what it needs with "gdpfs admin grant".',
    )
    .argument('<name>', '1 to 64 of a-z, 0-9, ".", "_", "@" and "-"', parseName)
    .requiredOption(
      '--bundle <path>',
      'where the login goes: a new folder, or a file that ends in .zip',
    )
    .option('--days <number>', 'how long the certificate lives', '365')
    .option('--json', 'as a JSON object: url, principal, expiresMs')
    .action(async (principal: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<ServiceOptions>();
      const request = { principal, role: 'service', days: parseCount(options.days) } as const;
      await addPrincipal(context, request, options);
    });
}
