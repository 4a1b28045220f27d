import assert from 'node:assert/strict';
import { existsSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { Scratch } from '../../test/support/scratch.ts';
import { LIMITS } from '../base/limits.ts';
import { type LockClock, withFileLock } from './file-lock.ts';

/** Time passes in pauses, half of what one holder may take in each; then something happens. */
function clockWith(happens: (pauses: number) => void): LockClock {
  let pauses = 0;
  return {
    nowMs: () => (pauses * LIMITS.configLockMs) / 2,
    pause: (durationMs) => {
      assert(durationMs > 0);
      pauses += 1;
      happens(pauses);
      return Promise.resolve();
    },
  };
}

test('a lock is waited for as long as it changes hands', async () => {
  using folder = new Scratch();
  const path = join(folder.path, 'lock');
  writeFileSync(path, '');
  const clock = clockWith((pauses) => {
    if (pauses === 10) return rmSync(path);
    // Both are there at once, so that they are not one.
    writeFileSync(`${path}.next`, '');
    renameSync(`${path}.next`, path);
  });
  let runs = 0;
  const run = async (): Promise<void> => {
    assert(existsSync(path));
    runs += 1;
  };
  await withFileLock(path, run, clock);
  assert.equal(runs, 1);
  assert(!existsSync(path));
});

test('a lock that nobody gives back is not waited for, and stays', async () => {
  using folder = new Scratch();
  const path = join(folder.path, 'lock');
  writeFileSync(path, '');
  let waited = 0;
  const clock = clockWith((pauses) => {
    waited = pauses;
  });
  const run = async (): Promise<void> => assert.fail('it is locked');
  await assert.rejects(withFileLock(path, run, clock), { code: 'locked' });
  assert.equal(waited, 3);
  assert(existsSync(path));
});
