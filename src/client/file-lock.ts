import { open, rm } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

/** How often a waiting process looks again. */
const POLL_MS = 20;

/**
 * Runs `action` while `path`, a file that exists only meanwhile, keeps other processes out. For
 * actions of milliseconds. A lock that a crash left behind is never taken over, since nothing tells
 * it from one in use: the error says what to do.
 */
export async function withFileLock(path: string, action: () => Promise<void>): Promise<void> {
  const startMs = Date.now();
  while (!(await tryLock(path))) {
    if (Date.now() - startMs > LIMITS.configLockMs) {
      throw new GdpfsError('locked', `cannot lock ${JSON.stringify(path)}: it exists already`, {
        hint: 'if no other gdpfs is running, a crash left it: remove it',
      });
    }
    await delay(POLL_MS);
  }
  try {
    await action();
  } finally {
    await rm(path, { force: true });
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
