import { Command } from 'commander';
import { changeGroup, listGroups, removeGroup } from '../../../client/administration.ts';
import type { Group } from '../../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../../context.ts';
import { Servers } from '../../../client/servers.ts';
import { parseName } from '../../parse.ts';
import { columns, writeRows } from '../../rows.ts';

interface GroupOptions extends GlobalOptions {
  readonly json?: boolean;
}

export function groupCommand(context: Context): Command {
  return new Command('group')
    .summary('list groups and change who is in them')
    .description(
      'List groups, and change who is in them. Grants to a group are for all its members.',
    )
    .addCommand(listCommand(context))
    .addCommand(membersCommand(context, 'add'))
    .addCommand(membersCommand(context, 'remove'))
    .addCommand(deleteCommand(context));
}

function listCommand(context: Context): Command {
  return new Command('ls')
    .summary('list all groups')
    .description('List all groups and their members.')
    .option('--json', 'one JSON object (Group of the API) for each line')
    .action(async (_: object, command: Command) => {
      const { profile, json } = command.optsWithGlobals<GroupOptions>();
      await using servers = new Servers(context.home, profile);
      const rows = await listGroups(await servers.session(), { signal: context.signal });
      await writeRows(context, rows, { json, describe });
    });
}

function membersCommand(context: Context, verb: 'add' | 'remove'): Command {
  const what =
    verb === 'add'
      ? 'Put principals into a group, made if missing'
      : 'Take principals out of a group';
  return new Command(verb)
    .summary(
      verb === 'add' ? 'make a group, or put somebody into it' : 'take somebody out of a group',
    )
    .description(`${what}.`)
    .argument('<group>', 'the group', parseName)
    .argument(verb === 'add' ? '[names...]' : '<names...>', 'principals')
    .option('--json', 'as a JSON object (Group of the API)')
    .action(async (name: string, names: string[], _: object, command: Command) => {
      const { profile, json } = command.optsWithGlobals<GroupOptions>();
      await using servers = new Servers(context.home, profile);
      const call = { signal: context.signal };
      const row = await changeGroup(await servers.session(), { name, [verb]: names }, call);
      await writeRows(context, [row], { json, describe });
    });
}

function deleteCommand(context: Context): Command {
  return new Command('rm')
    .summary('remove a group and its grants')
    .description('Remove a group, and everything that was granted to it.')
    .argument('<group>', 'the group', parseName)
    .option('--json', 'as a JSON object (Group of the API), as it was')
    .action(async (name: string, _: object, command: Command) => {
      const { profile, json } = command.optsWithGlobals<GroupOptions>();
      await using servers = new Servers(context.home, profile);
      const row = await removeGroup(await servers.session(), name, { signal: context.signal });
      await writeRows(context, [row], { json, describe });
    });
}

function describe({ name, members }: Group): string {
  return columns([name, 16], [members.join(','), 0]);
}
