import { Command } from 'commander';
import { GdpfsError } from '../../base/errors.ts';
import { LIMITS } from '../../base/limits.ts';
import { enroll } from '../../client/enroll.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { formatTime } from '../format.ts';

interface LoginOptions extends GlobalOptions {
  readonly json?: boolean;
}

export function loginCommand(context: Context): Command {
  return new Command('login')
    .description(
      'Make a key on this machine, have the server certify it, and keep both as a profile, which ' +
        'becomes the current one. The token is from an admin ("gdpfs admin invite") or, the first ' +
        'one, from "gdpfs serve"; it can be used once.',
    )
    .argument('<url>', 'the server, https://HOST:PORT')
    .argument('<token>', 'the invitation token, or - to read it from standard input')
    .option('--json', 'as a JSON object')
    .addHelpText(
      'after',
      '\nWith --profile NAME, or GDPFS_PROFILE=NAME in the environment, the profile gets that name instead of "default".',
    )
    .action(async (url: string, text: string, _: object, command: Command) => {
      const options = command.optsWithGlobals<LoginOptions>();
      const token = text === '-' ? await readToken(context.stdin) : text;
      const profile = options.profile ?? context.home.chosen ?? 'default';
      const enrolled = await enroll(context.home, { url, token, profile });
      const { principal, expiresMs } = enrolled;
      await context.stdout.write(
        options.json
          ? `${JSON.stringify(enrolled)}\n`
          : `logged in as ${principal} at ${enrolled.url}, profile "${profile}", until ${formatTime(expiresMs)}\n`,
      );
    });
}

async function readToken(stdin: AsyncIterable<Uint8Array>): Promise<string> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of stdin) {
    size += piece.length;
    if (size > LIMITS.tokenInputBytesMax) {
      throw new GdpfsError('bad_token', 'cannot read the token: standard input is too long');
    }
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8').trim();
}
