/** The real command line and the real server, as child processes: for the demo and the benchmarks. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { buffer, text } from 'node:stream/consumers';

const SOURCE = join(import.meta.dirname, '../src/cli/main.ts');
/** What `npm run build` makes, and users run. */
export const BUILT_PROGRAM: string = join(import.meta.dirname, '../dist/program/main.cjs');

/** One user's command line: where its logins are kept. */
export interface User {
  /** GDPFS_HOME. */
  readonly home: string;
  readonly signal: AbortSignal;
  /** The program; by default as it is in the source. */
  readonly program?: string;
}

export interface Finished {
  readonly output: Buffer;
  /** `output` as text. */
  readonly stdout: string;
  readonly elapsedMs: number;
}

/** Runs `gdpfs …args` to its end. Throws with what it said if it fails. */
export async function run(user: User, ...args: readonly string[]): Promise<Finished> {
  const startMs = performance.now();
  const child = start(user, args);
  const [output, stderr] = await Promise.all([
    buffer(child.stdout),
    text(child.stderr),
    ended(child),
  ]);
  if (child.exitCode !== 0) throw new Error(`gdpfs ${args.join(' ')}\n${stderr.trim()}`);
  return { output, stdout: output.toString(), elapsedMs: performance.now() - startMs };
}

/** A program with its arguments, and what it needs in its environment beside what we have. */
export interface Command {
  readonly argv: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** `gdpfs …args` as that user. */
export function gdpfsCommand(
  { home, program = SOURCE }: User,
  args: readonly string[],
): Required<Command> {
  return { argv: [process.execPath, program, ...args], env: { GDPFS_HOME: home } };
}

/** Starts `gdpfs …args` without waiting for its end, through the program `prefix` if there is one. */
function start(user: User, args: readonly string[], prefix: readonly string[] = []) {
  const { argv, env } = gdpfsCommand(user, args);
  const [file = '', ...rest] = [...prefix, ...argv];
  const child = spawn(file, rest, {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const { signal } = user;
  const kill = (): void => void child.kill('SIGKILL');
  signal.addEventListener('abort', kill, { once: true });
  child.once('exit', () => signal.removeEventListener('abort', kill));
  return child;
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

export interface ServerProcess extends AsyncDisposable {
  readonly url: string;
  readonly pid: number;
  /** For the first admin. */
  readonly token: string;
}

export interface ServerPlace {
  /** Where it listens, on a free port. */
  readonly host: string;
  /** A program that runs it, with its arguments: `ip netns exec NAME`. */
  readonly prefix: readonly string[];
}

const LOOPBACK: ServerPlace = { host: '127.0.0.1', prefix: [] };

/** Starts `gdpfs serve` with its data in `folder`; resolves when it is ready. */
export async function startServer(
  user: User,
  folder: string,
  { host, prefix }: ServerPlace = LOOPBACK,
): Promise<ServerProcess> {
  const args = ['serve', '--json', '--data', folder, '--listen', `${host}:0`];
  const child = start(user, args, prefix);
  const errors = text(child.stderr);
  const lines = createInterface({ input: child.stdout });
  const [line] = await Promise.race([
    once(lines, 'line'),
    ended(child).then(async () => {
      throw new Error(`gdpfs serve ended\n${await errors}`);
    }),
  ]);
  const { url, token } = JSON.parse(String(line)) as { url: string; token: string };
  return {
    url,
    token,
    pid: child.pid ?? 0,
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM');
      await ended(child);
    },
  };
}
