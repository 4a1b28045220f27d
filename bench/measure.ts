import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { buffer, text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from '../tools/gdpfs-process.ts';
import { cpuMsOfEnded, cpuMsOfTree, peakOf } from './process-stats.ts';

/** What a command took. */
export interface Measured {
  readonly stdout: string;
  readonly elapsedMs: number;
  readonly clientCpuMs: number;
  /** Of the server that it talked to; 0 if none was named. */
  readonly serverCpuMs: number;
  /** Most memory that the command had, in bytes. */
  readonly peakBytes: number;
}

export interface Surroundings {
  readonly signal: AbortSignal;
  /** Whose CPU time counts as the server's. */
  readonly serverPid?: number;
}

export interface Running {
  readonly finished: Promise<Measured>;
  /** SIGKILL, for it and all that it started. */
  kill(): void;
}

/** How often the memory of a command is looked at; its peak is remembered by the system. */
const PEAK_INTERVAL_MS = 100;
/**
 * Authorities that a machine gives to all programs of Node's are read by each in its start, up to 10 ms, and no
 * contender has any use for them.
 */
const NO_AUTHORITIES = { NODE_EXTRA_CA_CERTS: '' };
/** In this time a server has noticed that its client is gone, and its children have ended. */
const SETTLE_MS = 200;

/**
 * Runs a command to its end. Its CPU time is exact only if no other program that this process
 * started ends meanwhile. Throws with what it said if it fails.
 */
export async function measure(command: Command, around: Surroundings): Promise<Measured> {
  return await startMeasured(command, around).finished;
}

/** The same, without waiting: `finished` rejects if the command is killed. */
export function startMeasured(command: Command, around: Surroundings): Running {
  const { signal, serverPid } = around;
  const [file = '', ...args] = command.argv;
  const serverBeforeMs = serverPid === undefined ? 0 : cpuMsOfTree(serverPid);
  const clientBeforeMs = cpuMsOfEnded();
  const startMs = performance.now();
  const child = spawn(file, args, {
    env: { ...process.env, ...NO_AUTHORITIES, ...command.env },
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that a whole pipeline can be ended.
    detached: true,
  });
  const kill = (): void => killGroup(child);
  signal.addEventListener('abort', kill, { once: true });
  const finish = async (): Promise<Measured> => {
    const peak = watchPeak(child.pid ?? 0);
    try {
      const [output, errors] = await Promise.all([
        buffer(child.stdout),
        text(child.stderr),
        ended(child),
      ]);
      const elapsedMs = performance.now() - startMs;
      signal.throwIfAborted();
      if (child.exitCode !== 0) throw new Error(`${command.argv.join(' ')}\n${errors}`);
      const clientCpuMs = cpuMsOfEnded() - clientBeforeMs;
      const serverCpuMs = serverPid === undefined ? 0 : await settled(serverPid, serverBeforeMs);
      const stdout = output.toString();
      return { stdout, elapsedMs, clientCpuMs, serverCpuMs, peakBytes: peak.bytes() };
    } finally {
      peak.stop();
      signal.removeEventListener('abort', kill);
    }
  };
  return { finished: finish(), kill };
}

async function settled(serverPid: number, beforeMs: number): Promise<number> {
  await sleep(SETTLE_MS);
  return cpuMsOfTree(serverPid) - beforeMs;
}

function watchPeak(pid: number): { bytes(): number; stop(): void } {
  let peakBytes = 0;
  const timer = setInterval(() => {
    peakBytes = Math.max(peakBytes, peakOf(pid));
  }, PEAK_INTERVAL_MS);
  return { bytes: () => peakBytes, stop: () => clearInterval(timer) };
}

function killGroup({ pid, exitCode, signalCode }: ChildProcess): void {
  if (pid === undefined || exitCode !== null || signalCode !== null) return;
  try {
    process.kill(-pid, 'SIGKILL');
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
}

/** Throws if it could not be started. */
export async function ended(child: ChildProcess): Promise<void> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
}
