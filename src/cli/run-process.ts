import { homeDirectory, openHome } from '../client/home.ts';
import { openOutput } from './output.ts';
import { runProgram } from './program.ts';
import { Report } from './report.ts';

/** Runs the command line in this process; resolves to its exit code. */
export async function runProcess(args: readonly string[]): Promise<number> {
  quietWhenNobodyReads();
  const stderr = openOutput(process.stderr);
  const signal = interruptSignal();
  return await runProgram(args, {
    stdout: openOutput(process.stdout),
    stderr,
    stdin: process.stdin,
    report: new Report(stderr, signal),
    home: openHome(homeDirectory(process.env)),
    signal,
    isInteractive: process.stdin.isTTY === true && process.stderr.isTTY === true,
    confirm: (question) => confirm(question, signal),
  });
}

async function confirm(question: string, signal: AbortSignal): Promise<boolean> {
  const { createInterface } = await import('node:readline/promises');
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await terminal.question(`${question} [y/N] `, { signal });
    return /^y(es)?$/i.test(answer.trim());
  } finally {
    terminal.close();
  }
}

/** `gdpfs ls | head` ends when head has seen enough; that is no error. */
function quietWhenNobodyReads(): void {
  process.stdout.on('error', (error) => {
    if (!isBrokenPipe(error)) throw error;
    process.exit(0);
  });
  // Errors count even when nobody wants to hear of them.
  process.stderr.on('error', (error) => {
    if (!isBrokenPipe(error)) throw error;
  });
}

function isBrokenPipe(error: Error): boolean {
  return 'code' in error && error.code === 'EPIPE';
}

/** Aborted by the first SIGINT or SIGTERM, so that a command can end in order; a second one kills. */
function interruptSignal(): AbortSignal {
  const controller = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new Error(`stopped by ${name}`)));
  }
  return controller.signal;
}
