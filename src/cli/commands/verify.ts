import { Command } from 'commander';
import type { VerifyReport } from '../../client/verification.ts';
import { verifyVolume } from '../../client/verify.ts';
import { GdpfsError } from '../../base/errors.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { forEachReported } from '../each.ts';
import { formatSize } from '../format.ts';
import { ProgressLine } from '../progress.ts';
import { type RemoteFile, Servers } from '../servers.ts';

interface VerifyOptions extends GlobalOptions {
  readonly data: boolean;
  readonly json?: boolean;
}

export function verifyCommand(context: Context): Command {
  return new Command('verify')
    .description(
      'Check that a volume is what its writer signed: name, signatures, logs, the tree that they make, ' +
        'and the bytes of every file.',
    )
    .argument('<volume...>', 'gdp://VOLUME')
    .option('--no-data', 'without the bytes of the files')
    .option('--json', 'one JSON object for each volume')
    .action(async (paths: string[], _: object, command: Command) => {
      const options = command.optsWithGlobals<VerifyOptions>();
      await using servers = new Servers(context.home, options.profile);
      await forEachReported(context, paths, async (text) => {
        await verify(context, await servers.locateText(text), options);
      });
    });
}
