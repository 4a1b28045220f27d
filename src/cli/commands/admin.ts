import { Command, Option } from 'commander';
import { invite } from '../../client/volumes.ts';
import type { Role } from '../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { DATA_FOLDER_DEFAULT, requireDataFolder } from '../data-folder.ts';
import { formatTime } from '../format.ts';
import { Servers } from '../servers.ts';

interface InviteOptions extends GlobalOptions {
  readonly role?: Role;
  readonly json?: boolean;
}

interface TokenOptions {
  readonly data: string;
  readonly name: string;
  readonly json?: boolean;
}

export function adminCommand(context: Context): Command {
  return new Command('admin')
    .description('Invite users to a server.')
    .addCommand(inviteCommand(context))
    .addCommand(tokenCommand(context));
}

function inviteCommand(context: Context): Command {
  return new Command('invite')
    .summary('make a token with which a user logs in')
    .description(
      'Make a token with which a user logs in, once, within a day. A new user gets a home volume of ' +
        'the same name. For admins.',
    )
    .argument('<name>', 'the user: 1 to 64 of a-z, 0-9, ".", "_", "@" and "-"')
    .addOption(new Option('--role <role>', 'what a new user is').choices(['user', 'admin']))
    .option('--json', 'as a JSON object (Invitation of the API)')
    .action(async (principal: string, _: object, command: Command) => {
      const { profile, role, json } = command.optsWithGlobals<InviteOptions>();
      await using servers = new Servers(context.home, profile);
      const session = await servers.session();
      const request = { principal, ...(role === undefined ? {} : { role }) };
      const invitation = await invite(session, request, { signal: context.signal });
      if (json) {
        await context.stdout.write(`${JSON.stringify(invitation)}\n`);
        return;
      }
      await context.stdout.write(`${invitation.token}\n`);
      await context.report.note(
        `${principal} logs in with "gdpfs login ${session.url} TOKEN", until ${formatTime(invitation.expiresMs)}`,
      );
    });
}

function tokenCommand(context: Context): Command {
  return new Command('token')
    .summary('make a token for an admin, on the server itself')
    .description(
      "Make a new token for an admin, on the server's machine while the server is stopped: for when " +
        'the first one got lost.',
    )
    .option('--data <folder>', 'the folder of the server', DATA_FOLDER_DEFAULT)
    .option('--name <name>', 'the admin', 'admin')
    .option('--json', 'as a JSON object (Invitation of the API)')
    .action(async ({ data, name, json }: TokenOptions) => {
      const { makeAdminToken } = await import('../../server/admin-token.ts');
      const invitation = await makeAdminToken({
        ...requireDataFolder(data),
        principal: name,
        // Nothing waits for the warnings, and they come in order.
        warn: (message) => void context.report.warning(message),
      });
      const text = json ? JSON.stringify(invitation) : invitation.token;
      await context.stdout.write(`${text}\n`);
    });
}
