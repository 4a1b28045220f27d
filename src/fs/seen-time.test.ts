import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { SeenTime } from './seen-time.ts';

const NEWEST_MS = 1_000_000_000_000;
const YEAR_MS = 365 * 24 * 3600 * 1000;

test('time passes with the clock, unless that leaps', () => {
  const clock = { timeMs: NEWEST_MS + 5, now: () => clock.timeMs };
  let elapsedMs = 77.5;
  const seen = new SeenTime(clock, NEWEST_MS, () => elapsedMs);
  assert.equal(seen.now(), NEWEST_MS + 5);
  clock.timeMs += 1000;
  elapsedMs += 1000;
  assert.equal(seen.now(), NEWEST_MS + 1005);
  clock.timeMs += YEAR_MS;
  elapsedMs += 1000;
  assert.equal(seen.now(), NEWEST_MS + 2005);
  clock.timeMs = NEWEST_MS;
  assert.equal(seen.now(), NEWEST_MS);
});

test('a clock that is far ahead of all commits at the start is not believed', () => {
  const clock = { now: () => NEWEST_MS + YEAR_MS };
  let elapsedMs = 0;
  const seen = new SeenTime(clock, NEWEST_MS, () => elapsedMs);
  assert.equal(seen.now(), NEWEST_MS + LIMITS.clockLeapMsMax);
  elapsedMs = YEAR_MS;
  assert.equal(seen.now(), NEWEST_MS + YEAR_MS);
});
