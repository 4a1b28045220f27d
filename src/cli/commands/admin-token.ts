import { Command } from 'commander';
import type { Context } from '../context.ts';
import { DATA_FOLDER_DEFAULT, parseDataFolder, requireDataFolder } from '../data-folder.ts';

interface TokenOptions {
  readonly data: string;
  readonly name: string;
  readonly json?: boolean;
}

export function adminTokenCommand(context: Context): Command {
  return new Command('token')
    .summary('make a token for an admin, on the server itself')
    .description(
      "Make a new token for an admin, on the server's machine while the server is stopped: for when " +
        'the first one got lost.',
    )
    .option('--data <folder>', 'the folder of the server', parseDataFolder, DATA_FOLDER_DEFAULT)
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
