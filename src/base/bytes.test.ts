import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes, runsOf, splitParts } from './bytes.ts';

test('runsOf() keeps all bytes in order, in runs that are as long as they may be', () => {
  const max = fc.record({
    bytes: fc.integer({ min: 1, max: 50 }),
    parts: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 120 })), max, (parts, limits) => {
      const runs = [...runsOf(parts, limits)];
      assert.deepEqual(concatBytes(runs.flat()), concatBytes(parts));
      for (const [index, run] of runs.entries()) {
        const bytes = run.reduce((sum, { length }) => sum + length, 0);
        assert(bytes > 0 && bytes <= limits.bytes && run.length <= limits.parts);
        const isFull = bytes === limits.bytes || run.length === limits.parts;
        assert(isFull || index === runs.length - 1);
      }
    }),
  );
});

test('runsOf() copies nothing', () => {
  const bytes = new Uint8Array(10);
  for (const [piece] of runsOf([bytes], { bytes: 4, parts: 1 })) {
    assert.equal(piece?.buffer, bytes.buffer);
  }
});

test('splitParts() divides the bytes at any place, and copies nothing', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 20 }));
  fc.assert(
    fc.property(parts, fc.nat(100), (all, at) => {
      const [before, after] = splitParts(all, at);
      const joined = concatBytes(all);
      assert.deepEqual(concatBytes(before), joined.subarray(0, at));
      assert.deepEqual(concatBytes(after), joined.subarray(at));
      const buffers = new Set<ArrayBufferLike>(all.map(({ buffer }) => buffer));
      for (const { buffer } of [...before, ...after]) assert(buffers.has(buffer));
    }),
  );
});
