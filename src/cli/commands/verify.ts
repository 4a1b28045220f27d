import { Command } from 'commander';
import type { VerifyReport } from '../../client/verification.ts';
import { verifyVolume } from '../../client/verify.ts';
import { GdpfsError } from '../../base/errors.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { forEachReported } from '../each.ts';
import { formatSize } from '../format.ts';
import { withoutControls } from '../output.ts';
import { type RemoteFile, Servers } from '../../client/servers.ts';

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

async function verify(context: Context, file: RemoteFile, options: VerifyOptions): Promise<void> {
  const { session, remote, text, trusted } = file;
  if (remote.path !== '') {
    throw new GdpfsError('usage', `cannot verify ${JSON.stringify(text)}: need "gdp://VOLUME"`);
  }
  const report = await verifyVolume(session, {
    volume: remote.volume,
    data: options.data,
    trusted: trusted.checkpoint,
    onProgress: (soFar) => context.status.show(withoutControls(`${text}: ${counts(soFar)}`)),
    signal: context.signal,
  });
  if (options.json) await context.stdout.write(`${JSON.stringify(reportJson(file, report))}\n`);
  for (const { path, error } of report.problems) {
    await context.report.error(error, path === undefined ? text : `${text}/${path}`);
  }
  if (options.json || report.problems.length > 0) return;
  await context.stdout.write(`${text}: good, ${counts(report)}\n`);
}

function counts({ records, checkpoints, files, bytes }: VerifyReport): string {
  return `${records} records, ${checkpoints} signatures, ${files} files, ${formatSize(bytes)}`;
}

function reportJson({ remote }: RemoteFile, report: VerifyReport): object {
  const { records, checkpoints, files, chunks, bytes } = report;
  const problems = report.problems.map(({ path, error }) => ({
    ...(path === undefined ? {} : { path }),
    code: error.code,
    message: error.message,
  }));
  const verified = problems.length === 0;
  return { volume: remote.volume, records, checkpoints, files, chunks, bytes, verified, problems };
}
