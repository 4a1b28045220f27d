import { ERRORS } from '../base/errors.ts';
import { systemCode, systemErrorCode, systemState } from '../base/system-error.ts';
import {
  type BegunConnection,
  dropOffered,
  offerConnection,
} from '../client/answers/begun-connection.ts';
import { homeDirectory, homeProfile } from '../client/home-directory.ts';
import { openHome } from '../client/home.ts';
import { type EarlyThread, offerThread } from '../client/tree-worker.ts';
import { reportEarlyEnd } from './early-end.ts';
import { readStandardInput } from './input.ts';
import { openOutput } from './output.ts';
import { runProgram } from './program.ts';
import { Report } from './report.ts';
import { above, StatusLine } from './status-line.ts';

const COLUMNS_DEFAULT = 80;

/** What was begun before this was loaded, because it will probably be needed. */
export interface Early {
  readonly thread?: EarlyThread | undefined;
  readonly connection?: BegunConnection | undefined;
}

/** Runs the command line in this process; resolves to its exit code. */
export async function runProcess(
  args: readonly string[],
  { thread, connection }: Early = {},
): Promise<number> {
  const done = reportEarlyEnd();
  if (thread !== undefined) offerThread(thread);
  if (connection !== undefined) offerConnection(connection);
  const status = new StatusLine({
    canRedraw: process.stderr.isTTY === true && (process.env['TERM'] ?? 'dumb') !== 'dumb',
    get columns() {
      // Pseudo-terminals that nobody gave a size have 0.
      return process.stderr.columns || COLUMNS_DEFAULT;
    },
    // Nobody waits for it: a line that comes late is worth nothing.
    write: (text) => void process.stderr.write(text),
  });
  const stderr = above(status, openOutput(process.stderr));
  const signal = interruptSignal();
  // Whoever waits for what comes there would wait on.
  signal.addEventListener('abort', () => process.stdin.destroy());
  const report = new Report(stderr, signal);
  endWhenNobodyReads(report);
  const exitCode = await runProgram(args, {
    stdout: above(status, openOutput(process.stdout)),
    stderr,
    status,
    stdin: readStandardInput(signal),
    report,
    home: openHome(homeDirectory(process.env), homeProfile(process.env)),
    signal,
    isInteractive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    confirm: (question) => status.without(() => confirm(question, signal)),
    askSecret: (question) =>
      status.without(async () => (await import('./ask-secret.ts')).askSecret(question, signal)),
  });
  status.hide();
  dropOffered();
  done();
  return exitCode;
}

/** The end of the input is no answer, and so a no. */
async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  // While it reads, the terminal makes no signals.
  terminal.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal });
    return /^y(es)?$/i.test(answer.trim());
  } catch (error) {
    if (signal.aborted || !(error instanceof Error && error.name === 'AbortError')) throw error;
    return false;
  } finally {
    terminal.close();
  }
}

/**
 * `gdpfs ls | head` ends when head has seen enough; that is no error. For a transfer it is: it ends
 * too, and is not done. What cannot be written, as on a full disk, always is one.
 */
function endWhenNobodyReads(report: Report): void {
  process.stdout.on('error', (error) => {
    const isRead = systemCode(error) !== 'EPIPE';
    if (!isRead && !report.isUnfinished) process.exit(0);
    const text = isRead
      ? `cannot write standard output: ${systemState(error)}`
      : 'stopped before the end: nobody reads the output';
    process.stderr.write(`gdpfs: error: ${text}\n`);
    process.exit(ERRORS[isRead ? systemErrorCode(error) : 'local_io'].exit);
  });
  // Errors count even when nobody wants to hear of them, or they cannot be written.
  process.stderr.on('error', () => {});
}

/** Aborted by the first SIGINT or SIGTERM, so that a command can end in order; a second one kills. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`stopped by ${name}`)));
  }
  return controller.signal;
}
