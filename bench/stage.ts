/** What every benchmark needs: a server, a user with a volume, a folder, and ways to measure. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer, text } from 'node:stream/consumers';
import { openHome } from '../src/client/home.ts';
import { openSession, type Session } from '../src/client/session.ts';
import { run, type ServerProcess, start, startServer, type User } from '../tools/gdpfs-process.ts';

export interface Stage extends AsyncDisposable {
  readonly folder: string;
  readonly user: User;
  readonly server: ServerProcess;
  /** Of the volume `bench`. */
  readonly session: Session;
  /** Times that each thing is measured. */
  readonly runs: number;
  /** 1 for the sizes of the goals; less for a quick look. */
  readonly scale: number;
}

/** One line of the result. */
export interface Row {
  readonly what: string;
  readonly measured: string;
  /** What the machine can do at best in the same run, and our part of that. */
  readonly limit?: string;
  readonly goal?: string;
}

export async function openStage(options: {
  readonly runs: number;
  readonly scale: number;
  readonly signal: AbortSignal;
  /** Where all data lies; by default the system's temporary folder. */
  readonly parent?: string;
}): Promise<Stage> {
  // What others wrote must not be on its way to the disk while this is measured.
  execFileSync('sync');
  const folder = await mkdtemp(join(options.parent ?? tmpdir(), 'gdpfs-bench-'));
  const user = { home: join(folder, 'home'), signal: options.signal };
  const server = await startServer(user, join(folder, 'data'));
  await run(user, 'login', server.url, server.token);
  await run(user, 'volume', 'create', 'bench');
  const session = openSession(await openHome(user.home).profile());
  return {
    ...options,
    folder,
    user,
    server,
    session,
    [Symbol.asyncDispose]: async () => {
      await session[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

export interface Measured {
  readonly stdout: string;
  readonly elapsedMs: number;
  /** Most memory that the process had, in bytes; 0 where that cannot be known. */
  readonly peakBytes: number;
}

/** How often the memory of a command is looked at; its peak is remembered by the system. */
const PEAK_INTERVAL_MS = 250;

/** Runs a command to its end and watches its memory. */
export async function measure(user: User, ...args: readonly string[]): Promise<Measured> {
  const startMs = performance.now();
  const child = start(user, args);
  let peakBytes = 0;
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, peakOf(child.pid ?? 0));
  }, PEAK_INTERVAL_MS);
  const [output, errors] = await Promise.all([
    buffer(child.stdout),
    text(child.stderr),
    ended(child),
  ]);
  clearInterval(timer);
  if (child.exitCode !== 0) throw new Error(`gdpfs ${args.join(' ')}\n${errors}`);
  return { stdout: output.toString(), elapsedMs: performance.now() - startMs, peakBytes };
}

async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}

/** Peak memory of a process that runs, in bytes. */
export function peakOf(pid: number): number {
  return statusOf(pid, 'VmHWM');
}

/** Memory of a process now, in bytes. */
export function residentOf(pid: number): number {
  return statusOf(pid, 'VmRSS');
}

function statusOf(pid: number, field: string): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const upper = sorted[middle] ?? 0;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? 0) + upper) / 2;
}

export function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

export function megabytes(bytes: number): string {
  return `${count(bytes / 1e6)} MB`;
}

/** `ours` of `theirs`, in percent. */
export function part(ours: number, theirs: number): string {
  return `${Math.round((100 * ours) / theirs)} %`;
}
