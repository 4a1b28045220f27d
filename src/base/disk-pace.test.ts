import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DiskPace } from './disk-pace.ts';
import { LIMITS } from './limits.ts';

const MIB = 1024 * 1024;
/** What a disk at the limit takes for a MiB. */
const LIMIT_MS = (1000 * MIB) / LIMITS.slowDiskBytesPerSecond;

/** Accesses of 1 MiB, so many under way at once, on a disk that does one after the other; until measured. */
function use(pace: DiskPace, msPerMib: number, atOnce = 1): void {
  let nowMs = 0;
  const count = LIMITS.diskPaceBytes / MIB;
  for (let index = 0; index < Math.min(atOnce, count); index += 1) pace.begin(nowMs);
  for (let done = 0; done < count; done += 1) {
    nowMs += msPerMib;
    pace.end(nowMs, MIB);
    if (done + atOnce < count) pace.begin(nowMs);
  }
}

test('a disk is slow if it takes less than the limit, however many wait for it', () => {
  for (const atOnce of [1, 3, 16]) {
    const pace = new DiskPace();
    use(pace, LIMIT_MS * 1.1, atOnce);
    assert(pace.isSlow);
    const fast = new DiskPace();
    use(fast, LIMIT_MS * 0.9, atOnce);
    assert(!fast.isSlow);
  }
});

test('nothing is said before enough bytes, and idle time does not count', () => {
  const pace = new DiskPace();
  for (let index = 1; index < LIMITS.diskPaceBytes / MIB; index += 1) {
    pace.begin(index * 10_000);
    pace.end(index * 10_000 + LIMIT_MS / 2, MIB);
    assert(!pace.isSlow);
  }
  pace.begin(1e9);
  pace.end(1e9 + LIMIT_MS / 2, MIB);
  assert(!pace.isSlow);
});

test('a slow disk is measured again after a while', () => {
  const pace = new DiskPace();
  use(pace, LIMIT_MS * 2);
  pace.passed(LIMITS.slowDiskBytes - 1);
  assert(pace.isSlow);
  pace.passed(1);
  assert(!pace.isSlow);
  use(pace, LIMIT_MS * 2);
  assert(pace.isSlow);
});
