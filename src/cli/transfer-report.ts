import {
  type FileDone,
  Tally,
  type TransferObserver,
  type TransferResult,
} from '../client/tally.ts';
import { parseRemotePath, userPath } from '../format/path.ts';
import type { Context } from './context.ts';
import { LineWriter } from './line-writer.ts';
import { printable } from './output.ts';
import {
  errorEvent,
  fileEvent,
  formatEvent,
  progressEvent,
  STOPPED,
  waitEvent,
} from './transfer-events.ts';
import { TransferMeter } from './transfer-meter.ts';
import { formatProgress, formatSummary, type Way } from './transfer-text.ts';

/** Milliseconds between two looks at how it goes: for people, and for programs. */
const LOOK_MS = 250;
const EVENT_MS = 1000;

/** What is said of a transfer, and how. */
export interface TransferOutput extends OutputOptions {
  /** The command: `cp`. */
  readonly verb: string;
  /** What the summary says was done: `copied`. */
  readonly done: string;
  /** As on the command line. */
  readonly sources: readonly string[];
  readonly destination: string;
}

export interface OutputOptions {
  /** Name each thing that was done, on standard output. */
  readonly verbose?: boolean | undefined;
  /** No summary and no progress; errors all the same. */
  readonly quiet?: boolean | undefined;
  /** Events as NDJSON on standard output, and no other output but errors. */
  readonly json?: boolean | undefined;
}

/**
 * Runs a transfer, shows how it goes, reports what failed in it, and says in the end what was done.
 * `run` counts with `tally` and so tells its observer. What it throws is thrown on, after it was
 * said what had been done until then.
 */
export async function withTransferReport(
  context: Context,
  output: TransferOutput,
  run: (tally: Tally) => Promise<void>,
): Promise<TransferResult> {
  const isRemote = parseRemotePath(output.destination) !== undefined;
  const inUserWords = <T extends Pick<FileDone, 'path'>>(told: T): T => {
    return isRemote && told.path.startsWith('/') ? { ...told, path: userPath(told.path) } : told;
  };
  const { json = false, verbose = false } = output;
  const way = isRemote ? 'sent' : 'received';
  let errorsTold = Promise.resolve();
  const tally = new Tally({
    // Who tells of every single name has more to do: only where somebody listens.
    ...(json || verbose
      ? {
          file: (done) => report.observer.file?.(inUserWords(done)),
          change: (change) => report.observer.change?.(inUserWords(change)),
        }
      : {}),
    wait: (wait) => {
      meter.waiting(wait);
      report.observer.wait?.(wait);
    },
    failure: (failure) => {
      report.observer.failure?.(failure);
      errorsTold = errorsTold.then(() => context.report.error(failure.error, failure.path));
    },
  });
  const meter = new TransferMeter(tally);
  const report = json
    ? reportToProgram(context, output, meter)
    : reportToPeople(context, { ...output, way }, meter);
  context.report.isUnfinished = true;
  try {
    await run(tally);
  } catch (error) {
    await errorsTold;
    await report.end(tally.result(), error);
    throw error;
  }
  await errorsTold;
  await report.end(tally.result());
  context.report.isUnfinished = false;
  return tally.result();
}

interface TransferReport {
  readonly observer: TransferObserver;
  /** `error` is what ended the transfer too early. */
  end(result: TransferResult, error?: unknown): Promise<void>;
}

function reportToProgram(
  { stdout, signal }: Context,
  { verb, sources, destination }: TransferOutput,
  meter: TransferMeter,
): TransferReport {
  const lines = new LineWriter(stdout);
  const time = new Date().toISOString();
  lines.write(formatEvent('start', { verb, sources, destination, time }));
  const look = (): void => lines.write(formatEvent('progress', progressEvent(meter.view())));
  const looks = setInterval(look, EVENT_MS);
  return {
    observer: {
      file: (done) => lines.write(formatEvent('file', fileEvent(done))),
      change: (change) => lines.write(formatEvent('change', change)),
      wait: (wait) => lines.write(formatEvent('wait', waitEvent(wait))),
      failure: ({ path, error }) => lines.write(formatEvent('error', errorEvent(error, path))),
    },
    end: async ({ errors, verified, ...counts }, error) => {
      clearInterval(looks);
      if (signal.aborted) lines.write(formatEvent('error', STOPPED));
      else if (error !== undefined) lines.write(formatEvent('error', errorEvent(error)));
      const isWhole = verified && error === undefined;
      const elapsedMs = Math.round(meter.view().elapsedMs);
      const rest = { verified: isWhole, failed: errors.length, elapsedMs };
      lines.write(formatEvent('summary', { ...counts, ...rest }));
      await lines.end();
    },
  };
}

function reportToPeople(
  { status, stdout, report }: Context,
  { quiet = false, verbose = false, done, way }: TransferOutput & { readonly way: Way },
  meter: TransferMeter,
): TransferReport {
  const names = new LineWriter(stdout);
  const look = (): void => status.show(formatProgress(meter.view(), status.width, way));
  const looks = quiet || !status.isUseful ? undefined : setInterval(look, LOOK_MS);
  return {
    observer: verbose ? namesObserver((name) => names.write(printable(name, stdout))) : {},
    end: async (result, error) => {
      clearInterval(looks);
      await names.end();
      status.hide();
      const isStopped = error !== undefined;
      if (quiet || (isStopped && result.files === 0 && result.bytes === 0)) return;
      const summary = formatSummary(result, { done, way, elapsedMs: meter.view().elapsedMs });
      const rest = isStopped ? '; the same command again goes on from here' : '';
      await report.note(summary + rest);
    },
  };
}

/** A name a line, as rsync -v gives. */
function namesObserver(write: (line: string) => void): TransferObserver {
  return {
    file: ({ path }) => write(path),
    change: ({ kind, path, from = '' }) => {
      if (kind === 'rename') write(`renamed ${from} to ${path}`);
      else write(kind === 'remove' ? `removed ${path}` : path);
    },
  };
}
