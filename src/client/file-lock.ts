import { lstat, open, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { systemCode } from '../base/system-error.ts';

/** How often a waiting process looks again. */
const POLL_MS = 20;

export interface LockClock {
  /** Milliseconds of a clock that only goes forward. */
  nowMs(): number;
  pause(durationMs: number): Promise<void>;
}

const realClock: LockClock = {
  nowMs: () => performance.now(),
  pause: async (durationMs) => await delay(durationMs),
};

/**
 * Runs `action` while `path`, a file that exists only meanwhile, keeps other processes out. For
 * actions of milliseconds; whoever has the lock for longer than `configLockMs`, of however many one
 * after the other, is not waited for: `locked`. A lock that a crash left behind is never taken over,
 * since nothing tells it from one in use: the error says what to do.
 */
export async function withFileLock(
  path: string,
  action: () => Promise<void>,
  clock: LockClock = realClock,
): Promise<void> {
  let holder: string | undefined;
  let sinceMs = clock.nowMs();
  while (!(await tryLock(path))) {
    const current = await identityOf(path);
    if (current !== holder) {
      holder = current;
      sinceMs = clock.nowMs();
    }
    if (clock.nowMs() - sinceMs > LIMITS.configLockMs) {
      throw new GdpfsError('locked', `cannot lock ${JSON.stringify(path)}: it exists already`, {
        hint: 'if no other gdpfs is running, a crash left it: remove it',
      });
    }
    await clock.pause(POLL_MS);
  }
  try {
    await action();
  } finally {
    await rm(path, { force: true });
  }
}

/** Each holder makes a file of its own. Undefined if there is none by now. */
async function identityOf(path: string): Promise<string | undefined> {
  try {
    const { ino, ctimeNs } = await lstat(path, { bigint: true });
    return `${ino} ${ctimeNs}`;
  } catch (cause) {
    if (systemCode(cause) === undefined) throw cause;
    return undefined;
  }
}

async function tryLock(path: string): Promise<boolean> {
  try {
    await (await open(path, 'wx')).close();
    return true;
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    if (code === 'EEXIST') return false;
    throw new GdpfsError('local_io', `cannot lock ${JSON.stringify(path)}: ${String(code)}`, {
      cause,
    });
  }
}
