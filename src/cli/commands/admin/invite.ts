import { Command, Option } from 'commander';
import { invite } from '../../../client/volumes.ts';
import type { Role } from '../../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../../context.ts';
import { formatTime } from '../../format.ts';
import { parseName, parseSize } from '../../parse.ts';
import { Servers } from '../../../client/servers.ts';

interface InviteOptions extends GlobalOptions {
  readonly role?: Role;
  readonly quota?: string;
  readonly json?: boolean;
}

export function inviteCommand(context: Context): Command {
  return new Command('invite')
    .summary('make a token with which a user logs in')
    .description(
      'Make a token with which a user logs in, once, within a day. A new user gets a home volume of ' +
        'the same name. For admins.',
    )
    .argument('<name>', 'the user: 1 to 64 of a-z, 0-9, ".", "_", "@" and "-"', parseName)
    .addOption(new Option('--role <role>', 'what a new user is').choices(['user', 'admin']))
    .option('--quota <size>', 'what the home volume may hold, such as 500GB; none for no limit')
    .option('--json', 'as a JSON object (Invitation of the API)')
    .action(async (principal: string, _: object, command: Command) => {
      const { profile, role, quota, json } = command.optsWithGlobals<InviteOptions>();
      await using servers = new Servers(context.home, profile);
      const session = await servers.session();
      const request = {
        principal,
        ...(role === undefined ? {} : { role }),
        ...(quota === undefined ? {} : { quota: { bytes: parseSize(quota), entries: 0 } }),
      };
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
