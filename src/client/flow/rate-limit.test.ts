import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../test/support/property.ts';
import { RateLimit } from './rate-limit.ts';

test('what crosses stays at the rate, whatever pieces it comes in', () => {
  const pieces = fc.array(fc.record({ bytes: fc.nat(300_000), idleMs: fc.nat(1000) }), {
    minLength: 1,
  });
  const rates = fc.integer({ min: 1000, max: 1_000_000_000 });
  fc.assert(
    fc.property(rates, pieces, (bytesPerSecond, list) => {
      let nowMs = 1000;
      const rate = new RateLimit(bytesPerSecond, () => nowMs);
      let crossed = 0;
      for (const { bytes, idleMs } of list) {
        nowMs += rate.reserve(bytes);
        crossed += bytes;
        const elapsedMs = nowMs - 1000;
        // A quarter of a second of silence may be made up for.
        assert(crossed <= (bytesPerSecond * (elapsedMs + 250)) / 1000 + 1);
        nowMs += idleMs;
      }
    }),
  );
});

test('a long transfer gets the whole rate', () => {
  let nowMs = 0;
  const rate = new RateLimit(1_000_000, () => nowMs);
  for (let count = 0; count < 1000; count += 1) nowMs += rate.reserve(10_000);
  assert(Math.abs(nowMs - 10_000) < 1);
});

test('no time before the start, and only a quarter of a second of silence, is made up for', () => {
  let nowMs = 60_000;
  const rate = new RateLimit(1_000_000, () => nowMs);
  assert.equal(rate.reserve(1_000_000), 1000);
  nowMs += 60_000;
  assert.equal(rate.reserve(1_000_000), 750);
});

test('pieces of several exchanges wait one after the other', () => {
  const rate = new RateLimit(1_000_000, () => 0);
  assert.deepEqual(
    [100, 100, 100].map((kilobytes) => rate.reserve(kilobytes * 1000)),
    [100, 200, 300],
  );
});

test('slices are an eighth of a second of the rate', () => {
  assert.equal(new RateLimit(8_000_000).sliceBytes, 1_000_000);
  assert.equal(new RateLimit(1).sliceBytes, 1024);
});
