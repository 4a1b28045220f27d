import { Command } from 'commander';
import { Servers } from '../../client/servers.ts';
import { openFileWriter } from '../../client/write.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { type OutputOptions, withTransferReport } from '../transfer-report.ts';

interface PutOptions extends GlobalOptions, OutputOptions {
  /** False with --no-clobber. */
  readonly clobber: boolean;
}

export function putCommand(context: Context): Command {
  return new Command('put')
    .description(
      'Write what comes on standard input to a file, made or replaced when the input has ended: it appears whole or not ' +
        'at all. The other way is "gdpfs cat". What broke off begins anew; files are better copied with "gdpfs cp".',
    )
    .argument('<path>', 'gdp://VOLUME/PATH')
    .option('-n, --no-clobber', 'an error if there is something at the path')
    .option('-v, --verbose', 'name the file')
    .option('-q, --quiet', 'no progress and no summary')
    .option('--json', 'say what happens as NDJSON; the last line is the summary')
    .addHelpText('after', '\nMissing directories are made.')
    .action(async (path: string, _: object, command: Command) => {
      const { profile, clobber, ...output } = command.optsWithGlobals<PutOptions>();
      const names = { verb: 'put', done: 'wrote', sources: ['-'], destination: path };
      await withTransferReport(context, { ...output, ...names }, async (tally) => {
        await using servers = new Servers(context.home, profile);
        const { session, apiPath } = await servers.locateText(path);
        const { signal } = context;
        const options = { parents: true, ifAbsent: !clobber, signal };
        await using writer = await openFileWriter(session, apiPath, options);
        const file = tally.beginFile();
        try {
          for await (const piece of context.stdin) {
            await writer.write(piece);
            file.onProgress(piece.length, piece.length);
          }
          const { size, bytesSent } = await writer.close();
          file.done({ path: apiPath, size, bytesSent, bytesReused: size - bytesSent });
        } catch (error) {
          // Nothing of it is there, and nothing goes on from here.
          file.discard();
          throw error;
        }
      });
    });
}
