/** What the system knows of processes. Linux only: elsewhere every figure is 0. */
import { readdirSync, readFileSync } from 'node:fs';

/** Of the clock in which /proc counts CPU time; the same on every Linux. */
const MS_PER_TICK = 10;

/** Peak memory of a process that runs, in bytes. */
export function peakOf(pid: number): number {
  return statusOf(pid, 'VmHWM');
}

/** Memory of a process now, in bytes. */
export function residentOf(pid: number): number {
  return statusOf(pid, 'VmRSS');
}

/** CPU time of a process, of its children, and of theirs, whether they still run or not. */
export function cpuMsOfTree(pid: number): number {
  const { ownMs, endedMs } = cpuOf(pid);
  const children = read(`/proc/${pid}/task/${pid}/children`).split(' ').filter(Boolean);
  const runningMs = children.map((child) => cpuMsOfTree(Number(child)));
  return runningMs.reduce((sum, ms) => sum + ms, ownMs + endedMs);
}

/** CPU time of the threads of a process that have not ended: exact, where others are in steps of 10 ms. */
export function cpuMsOfThreads(pid: number): number {
  const threads = `/proc/${pid}/task`;
  const nanoseconds = readdirSync(threads).map((thread) => {
    return Number(read(`${threads}/${thread}/schedstat`).split(' ')[0]);
  });
  return nanoseconds.reduce((sum, count) => sum + count, 0) / 1e6;
}

/** CPU time of all processes that this one started and that have ended. */
export function cpuMsOfEnded(): number {
  return cpuOf('self').endedMs;
}

function cpuOf(pid: number | 'self'): { readonly ownMs: number; readonly endedMs: number } {
  const stat = read(`/proc/${pid}/stat`);
  // The program's name may hold spaces and parentheses; utime is the 12th field after it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number);
  return {
    ownMs: (user + system) * MS_PER_TICK,
    endedMs: (endedUser + endedSystem) * MS_PER_TICK,
  };
}

function statusOf(pid: number, field: string): number {
  const value = new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(read(`/proc/${pid}/status`));
  return Number(value?.[1] ?? 0) * 1024;
}

/** Empty for a process that is gone. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
