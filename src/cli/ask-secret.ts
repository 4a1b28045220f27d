import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';

/** A question on the terminal whose answer is not shown. The end of the input is no answer. */
export async function askSecret(
  question: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const silent = new Writable({ write: (_piece, _encoding, done) => done() });
  // As a terminal, it echoes to its output what is typed, and the system does not.
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true });
  terminal.on('SIGINT', () => process.kill(process.pid, 'SIGINT'));
  process.stderr.write(question);
  try {
    return await terminal.question('', { signal });
  } catch (error) {
    if (signal.aborted || !(error instanceof Error && error.name === 'AbortError')) throw error;
    return undefined;
  } finally {
    terminal.close();
    process.stderr.write('\n');
  }
}
