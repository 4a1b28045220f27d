import { Argument, Command } from 'commander';
import { listGrants, removeGrant, setGrant } from '../../../client/administration.ts';
import { GdpfsError } from '../../../base/errors.ts';
import type { Grant, GrantRequest } from '../../../wire/generated/api.ts';
import type { Context, GlobalOptions } from '../../context.ts';
import { Servers } from '../../../client/servers.ts';
import { parseCount } from '../../parse.ts';
import { columns, writeRows } from '../../rows.ts';

interface GrantOptions extends GlobalOptions {
  readonly json?: boolean;
  readonly node?: number;
  readonly to?: string;
}

const SUBJECT = 'a principal, group:NAME, or * for every principal';

export function grantCommand(context: Context): Command {
  return new Command('grant')
    .summary('let somebody use a volume or a directory')
    .description(
      'Let a principal, a group or everybody use a directory and all below it; at the root, the whole ' +
        'volume. The grant stays with the directory when that is renamed. For whoever has "admin" there.',
    )
    .addArgument(
      new Argument('<permission>', 'each includes those before it').choices([
        'read',
        'write',
        'admin',
      ]),
    )
    .argument('<subject>', SUBJECT)
    .argument('<path>', 'gdp://VOLUME/DIRECTORY')
    .option('--json', 'as a JSON object (Grant of the API)')
    .action(async (...[permission, subject, path, , command]: GrantArguments) => {
      const { profile, json } = command.optsWithGlobals<GrantOptions>();
      await using servers = new Servers(context.home, profile);
      const { session, apiPath } = await servers.locateText(path);
      const request = { permission, subject, path: apiPath };
      const row = await setGrant(session, request, { signal: context.signal });
      await writeRows(context, [row], { json, describe });
    });
}

type GrantArguments = [
  permission: GrantRequest['permission'],
  subject: string,
  path: string,
  options: object,
  command: Command,
];

export function revokeCommand(context: Context): Command {
  return new Command('revoke')
    .summary('take a grant back')
    .description(
      'Take back what somebody was granted on a directory. It counts from the next request.',
    )
    .argument('<subject>', SUBJECT)
    .argument('<path>', 'gdp://VOLUME/DIRECTORY; with --node, gdp://VOLUME/')
    .option(
      '--node <number>',
      'a directory that was removed, as "gdpfs admin grants" shows it',
      parseCount,
    )
    .option('--json', 'as a JSON object (Grant of the API), as it was')
    .action(async (subject: string, path: string, _: object, command: Command) => {
      const { profile, json, node } = command.optsWithGlobals<GrantOptions>();
      await using servers = new Servers(context.home, profile);
      const { session, apiPath } = await servers.locateText(path);
      const request = { subject, path: apiPath, node };
      const row = await removeGrant(session, request, { signal: context.signal });
      await writeRows(context, [row], { json, describe });
    });
}

export function grantsCommand(context: Context): Command {
  return new Command('grants')
    .summary('list grants')
    .description('List the grants on a directory and below it, or those to somebody.')
    .argument('[path]', 'gdp://VOLUME/DIRECTORY')
    .option('--to <subject>', SUBJECT)
    .option('--json', 'one JSON object (Grant of the API) for each line')
    .action(async (path: string | undefined, _: object, command: Command) => {
      const { profile, json, to } = command.optsWithGlobals<GrantOptions>();
      await using servers = new Servers(context.home, profile);
      const call = { signal: context.signal };
      let rows: Grant[];
      if (path !== undefined && to === undefined) {
        const { session, apiPath } = await servers.locateText(path);
        rows = await listGrants(session, { path: apiPath }, call);
      } else if (to !== undefined && path === undefined) {
        rows = await listGrants(await servers.session(), { subject: to }, call);
      } else {
        throw new GdpfsError('usage', 'cannot list grants: need either a path or --to SUBJECT');
      }
      await writeRows(context, rows, { json, describe });
    });
}

function describe({ subject, permission, path, volume, node }: Grant): string {
  const where = path === undefined ? `gdp://${volume}/ node ${node} (removed)` : `gdp:/${path}`;
  return columns([permission, 5], [subject, 20], [where, 0]);
}
