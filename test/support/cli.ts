/** Runs the command line in a process of its own, as a user does. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { CACHES, COMPILE_CACHE, PROGRAM } from './program.ts';

export interface CliResult {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  /** GDPFS_HOME. */
  readonly home: string;
  /** GDPFS_PROFILE. */
  readonly profile?: string;
  /** Working directory. */
  readonly cwd?: string;
}

/** A process of the command line; its standard input is open. */
export function spawnCli(args: readonly string[], { cwd, ...options }: CliOptions) {
  return spawn(process.execPath, [PROGRAM, ...args], {
    env: environment(options),
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

export interface TerminalOptions extends CliOptions {
  /** TERM. */
  readonly term: string;
  readonly columns: number;
  /** Typed when there is a question. */
  readonly answer?: string;
}

/** Is there what `runOnTerminal` needs? */
export function hasTerminal(): boolean {
  return spawnSync('script', ['--version']).status === 0;
}

/** Runs it on a pseudo-terminal, made by script(1); gives all that is written to that. */
export async function runOnTerminal(
  args: readonly string[],
  { cwd, term, columns, answer, ...options }: TerminalOptions,
): Promise<Pick<CliResult, 'code'> & { readonly screen: string }> {
  const quoted = [process.execPath, PROGRAM, ...args].map((word) => `'${word}'`).join(' ');
  const command = `stty cols ${columns} -onlcr; exec ${quoted}`;
  const child = spawn('script', ['--quiet', '--return', '--command', command, '/dev/null'], {
    env: { ...environment(options), TERM: term, SHELL: '/bin/sh' },
    stdio: [answer === undefined ? 'ignore' : 'pipe', 'pipe', 'inherit'],
    ...(cwd === undefined ? {} : { cwd }),
  });
  const ended = once(child, 'close');
  let screen = '';
  let isAsked = false;
  assert(child.stdout !== null);
  for await (const piece of child.stdout.setEncoding('utf8')) {
    screen += piece;
    if (!isAsked && screen.includes('[y/N] ')) {
      isAsked = true;
      child.stdin?.write(answer ?? '');
    }
  }
  child.stdin?.destroy();
  const [code] = (await ended) as [number | null];
  return { code, screen };
}

function environment({ home, profile }: CliOptions): NodeJS.ProcessEnv {
  const { PATH } = process.env;
  const chosen = profile === undefined ? {} : { GDPFS_PROFILE: profile };
  const caches = { NODE_COMPILE_CACHE: COMPILE_CACHE, XDG_CACHE_HOME: CACHES };
  return { PATH, HOME: home, GDPFS_HOME: home, TZ: 'UTC', ...chosen, ...caches };
}
