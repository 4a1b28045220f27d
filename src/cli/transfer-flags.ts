import { join } from 'node:path';
import type { Command } from 'commander';
import type { FlowOptions } from '../client/flow/flow-options.ts';
import type { Tally } from '../client/tally.ts';
import type { TransferOptions } from '../client/transfer-options.ts';
import type { Context } from './context.ts';
import { parseRate } from './parse.ts';
import type { OutputOptions } from './transfer-report.ts';

/** What `addTransferOptions` adds, as the parser gives it. */
export interface TransferFlags extends OutputOptions {
  /** Bytes a second. */
  readonly bwlimit?: number;
  readonly recheck?: boolean;
  readonly reuse?: string;
  readonly md5?: boolean;
  readonly unsafeLinks?: boolean;
}

/** Adds the options of every command that moves data. */
export function addTransferOptions(command: Command): Command {
  return command
    .option('-v, --verbose', 'name each thing that was done')
    .option('-q, --quiet', 'no progress and no summary')
    .option('--json', 'say what happens as NDJSON; the last line is the summary')
    .option('--bwlimit <rate>', 'bytes a second: 10M, 500K; a mere number is KiB', parseRate)
    .option('--reuse <file>', 'take what is equal from this local file instead of fetching it')
    .option('--recheck', 'read and hash again what an earlier run has verified')
    .option('--md5', 'also compare the MD5 of both ends')
    .option('--unsafe-links', 'also make symbolic links that lead out of the copy');
}

export function transferOptionsOf(context: Context, flags: TransferFlags): TransferOptions {
  const { recheck, reuse, md5, unsafeLinks } = flags;
  const journalDirectory = join(context.home.directory, 'uploads');
  return { recheck, reuse, md5, unsafeLinks, journalDirectory };
}

/** How the sessions of a transfer use the network, and that `tally` hears of it. */
export function flowOptionsOf(
  { report }: Context,
  { bwlimit }: TransferFlags,
  { observer }: Tally,
): FlowOptions {
  return {
    bytesPerSecond: bwlimit,
    onWait: (wait) => observer.wait?.(wait),
    onWarning: (text) => void report.warning(text),
  };
}
