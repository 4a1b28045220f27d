import { readFile } from 'node:fs/promises';
import { Command, Option } from 'commander';
import type { VerifyReport } from '../../client/verification.ts';
import { verifyVolume } from '../../client/verify.ts';
import { localError } from '../../client/local-error.ts';
import type { TrustedVolume } from '../../client/trust/volume-trust.ts';
import { holdToWitness } from '../../client/trust/witness.ts';
import { parseWitnessKey } from '../../format/cosignature.ts';
import { GdpfsError } from '../../base/errors.ts';
import type { Context, GlobalOptions } from '../context.ts';
import { forEachReported } from '../each.ts';
import { formatCount, formatSize } from '../format.ts';
import { withoutControls } from '../output.ts';
import { type RemoteFile, requireNow, Servers } from '../../client/servers.ts';

interface VerifyOptions extends GlobalOptions {
  readonly data: boolean;
  readonly depth?: 'checkpoint' | 'records' | 'chunks';
  readonly cosigned?: string;
  readonly witness?: string;
  readonly json?: boolean;
}

export function verifyCommand(context: Context): Command {
  return new Command('verify')
    .description(
      'Check that a volume is what its writer signed: name, signatures, logs, the tree that they make, ' +
        'and the bytes of every file.',
    )
    .argument('<volume...>', 'gdp://VOLUME')
    .addOption(
      new Option('--depth <what>', 'how much: the checkpoint alone, all records, or all chunks too')
        .choices(['checkpoint', 'records', 'chunks'])
        .conflicts('data'),
    )
    .option('--no-data', 'without the bytes of the files, as --depth records')
    .option('--cosigned <file>', 'hold the server to a checkpoint that a witness has cosigned')
    .option('--witness <key>', 'the key of that witness, as "gdpfs witness" prints it')
    .option('--json', 'one JSON object for each volume')
    .action(async (paths: string[], _: object, command: Command) => {
      const options = command.optsWithGlobals<VerifyOptions>();
      await using servers = new Servers(context.home, options.profile);
      await forEachReported(context, paths, async (text) => {
        await verify(context, await servers.locate(requireNow(text)), options);
      });
    });
}

async function verify(context: Context, file: RemoteFile, options: VerifyOptions): Promise<void> {
  const { session, remote, text, trusted } = file;
  if (remote.path !== '') {
    throw new GdpfsError('usage', `cannot verify ${JSON.stringify(text)}: need "gdp://VOLUME"`);
  }
  await checkWitness(trusted, options, context.signal);
  const { checkpoint } = trusted;
  const depth = options.depth ?? (options.data ? 'chunks' : 'records');
  const report =
    depth === 'checkpoint'
      ? // That it is signed, and continues what was seen before, is known since the path was located.
        { records: checkpoint.count, checkpoints: 1, files: 0, chunks: 0, bytes: 0, problems: [] }
      : await verifyVolume(session, {
          volume: remote.volume,
          data: depth === 'chunks',
          trusted: checkpoint,
          onProgress: (soFar) => context.status.show(withoutControls(`${text}: ${counts(soFar)}`)),
          signal: context.signal,
        });
  if (options.json) await context.stdout.write(`${JSON.stringify(reportJson(file, report))}\n`);
  for (const { path, error } of report.problems) {
    await context.report.error(error, path === undefined ? text : `${text}/${path}`);
  }
  if (options.json || report.problems.length > 0) return;
  const checked =
    depth === 'checkpoint'
      ? `the checkpoint over ${formatCount(report.records, 'record')}`
      : counts(report);
  await context.stdout.write(`${text}: good, ${checked}\n`);
}

async function checkWitness(
  trusted: TrustedVolume,
  { cosigned, witness }: VerifyOptions,
  signal: AbortSignal,
): Promise<void> {
  if (cosigned === undefined && witness === undefined) return;
  if (cosigned === undefined || witness === undefined) {
    throw new GdpfsError('usage', 'cannot check a witness: need both --cosigned and --witness');
  }
  let note: Uint8Array;
  try {
    note = await readFile(cosigned);
  } catch (error) {
    throw localError('read', cosigned, error);
  }
  await holdToWitness(trusted, { note, witness: parseWitnessKey(witness) }, { signal });
}

function counts({ records, checkpoints, files, bytes }: VerifyReport): string {
  return [
    formatCount(records, 'record'),
    formatCount(checkpoints, 'signature'),
    formatCount(files, 'file'),
    formatSize(bytes),
  ].join(', ');
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
