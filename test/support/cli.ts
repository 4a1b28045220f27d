/** Runs the command line in a process of its own, as a user does. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

const PROJECT = join(import.meta.dirname, '../..');
/** A run from source spends most of its time on stripping types: once is enough. */
const COMPILE_CACHE = join(PROJECT, 'node_modules/.cache/gdpfs-compile');

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** GDPFS_HOME. */
  readonly home: string;
  /** Working directory. */
  readonly cwd?: string;
}

/** A process of the command line; its standard input is open. */
export function spawnCli(args: readonly string[], { home, cwd }: CliOptions) {
  const { PATH } = process.env;
  return spawn(process.execPath, [join(PROJECT, 'src/cli/main.ts'), ...args], {
    env: { PATH, HOME: home, GDPFS_HOME: home, TZ: 'UTC', NODE_COMPILE_CACHE: COMPILE_CACHE },
    stdio: ['pipe', 'pipe', 'pipe'],
    ...(cwd === undefined ? {} : { cwd }),
  });
}

/** Runs it to its end. */
export async function runCli(
  args: readonly string[],
  { input = '', ...options }: CliOptions & { readonly input?: string },
): Promise<CliResult> {
  const child = spawnCli(args, options);
  const ended = once(child, 'close');
  // It may end without having read all.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await ended) as [number | null];
  return { code, stdout, stderr };
}
