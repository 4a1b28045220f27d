import { Command, Option } from 'commander';
import {
  createPrincipal,
  listPrincipals,
  readmitPrincipal,
  revokePrincipal,
} from '../../../client/administration.ts';
import type { Principal, Role } from '../../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../../context.ts';
import { formatTime } from '../../format.ts';
import { Servers } from '../../../client/servers.ts';
import { parseName } from '../../parse.ts';
import { addPrincipal, type AddOptions } from './add-principal.ts';
import { columns, writeRows } from '../../rows.ts';

interface UserOptions extends GlobalOptions {
  readonly json?: boolean;
  readonly enrolment?: string;
}

interface UserAddOptions extends Omit<AddOptions, 'bundle'> {
  readonly bundle?: string;
  readonly role?: Role;
}

export function userCommand(context: Context): Command {
  return new Command('user')
    .summary('add and list users, revoke them, let them in again')
    .description('Add users with a ready login, list principals, revoke them, let them in again.')
    .addCommand(addCommand(context))
    .addCommand(listCommand(context))
    .addCommand(removeCommand(context))
    .addCommand(readmitCommand(context));
}

function addCommand(context: Context): Command {
  return new Command('add')
    .summary('make a user with a ready login, to hand over')
    .description(
      'Make a user and a login for them: a folder or a .zip with CA, certificate, key and configuration ' +
        'that works as $GDPFS_HOME. The key is made here; with "gdpfs admin invite" it never leaves the ' +
        "user's own machine. Without --bundle there is no login: for users whose certificates come " +
        'from another authority ("gdpfs serve --client-ca").',
    )
    .argument('<name>', 'the user, and the name of the home volume', parseName)
    .option('--bundle <path>', 'where the login goes: a new folder, or a file that ends in .zip')
    .addOption(new Option('--role <role>', 'what a new user is').choices(['user', 'admin']))
    .option('--json', 'as a JSON object: url, principal, expiresMs; without --bundle a Principal')
    .action(async (principal: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<UserAddOptions>();
      const { role = 'user', bundle, json, profile } = options;
      if (bundle !== undefined) {
        await addPrincipal(context, { principal, role }, { ...options, bundle });
        return;
      }
      await using servers = new Servers(context.home, profile);
      const request = { name: principal, role };
      const call = { signal: context.signal };
      const row = await createPrincipal(await servers.session(), request, call);
      await writeRows(context, [row], { json, describe });
    });
}

function listCommand(context: Context): Command {
  return new Command('ls')
    .summary('list all principals with their groups and logins')
    .description(
      'List all principals: name, role, state, groups, and until when their logins last.',
    )
    .option('--json', 'one JSON object (Principal of the API) for each line')
    .action(async (_: object, command: Command) => {
      const { profile, json } = command.optsWithGlobals<UserOptions>();
      await using servers = new Servers(context.home, profile);
      const rows = await listPrincipals(await servers.session(), { signal: context.signal });
      await writeRows(context, rows, { json, describe });
    });
}

function removeCommand(context: Context): Command {
  return new Command('rm')
    .summary('revoke a principal, or one login of it')
    .description(
      'Revoke a principal: none of its certificates works any more, at once, and none is renewed; its ' +
        'grants and memberships go. Its volumes and its name stay. With --enrolment only one login ends.',
    )
    .argument('<name>', 'the principal', parseName)
    .option('--enrolment <id>', 'only this login, as "gdpfs admin user ls" shows it')
    .option('--json', 'as a JSON object (Principal of the API)')
    .action(async (name: string, _: object, command: Command) => {
      const { profile, json, enrolment } = command.optsWithGlobals<UserOptions>();
      await using servers = new Servers(context.home, profile);
      const subject = { name, enrolment };
      const call = { signal: context.signal };
      const row = await revokePrincipal(await servers.session(), subject, call);
      await writeRows(context, [row], { json, describe });
    });
}

function readmitCommand(context: Context): Command {
  return new Command('readmit')
    .summary('let a revoked principal log in again')
    .description('Let a revoked principal be invited again. Its old logins stay revoked.')
    .argument('<name>', 'the principal', parseName)
    .option('--json', 'as a JSON object (Principal of the API)')
    .action(async (name: string, _: object, command: Command) => {
      const { profile, json } = command.optsWithGlobals<UserOptions>();
      await using servers = new Servers(context.home, profile);
      const row = await readmitPrincipal(await servers.session(), name, { signal: context.signal });
      await writeRows(context, [row], { json, describe });
    });
}

function describe({ name, role, revoked, groups, enrolments }: Principal): string {
  const logins = enrolments.map(({ id, expiresMs, revoked: isOver }) =>
    isOver ? `${id} revoked` : `${id} until ${formatTime(expiresMs)}`,
  );
  const state = revoked ? 'revoked' : 'active';
  return columns([name, 16], [role, 7], [state, 7], [groups.join(','), 12], [logins.join('; '), 0]);
}
