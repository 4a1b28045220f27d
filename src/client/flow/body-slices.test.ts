import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../test/support/property.ts';
import { concatBytes } from '../../base/bytes.ts';
import { Random } from '../../../test/support/random.ts';
import { limitedSlicesOf, slicesOf } from './body-slices.ts';
import { Movement } from './movement.ts';
import { RateLimit } from './rate-limit.ts';

const sizes = fc.oneof(fc.nat(100), fc.nat(2 ** 21));

test('the slices are the body, in small steps at first', () => {
  const bytes = new Random(1).bytes(2 ** 21);
  fc.assert(
    fc.property(sizes, (size) => {
      const body = bytes.subarray(0, size);
      let moved = 0;
      const onMoved = (count: number): void => {
        moved += count;
      };
      const slices = [...slicesOf(body, { movement: new Movement(), onMoved })];
      assert.deepEqual(concatBytes(slices), body);
      if (slices.length < 2) return;
      assert.equal(moved, size);
      for (const [index, { length }] of slices.entries()) {
        assert(length <= Math.min(2 ** 19, 2 ** (16 + index)));
      }
    }),
  );
});

test('the slices of a limited body are the body, in steps of the rate', async () => {
  const bytes = new Random(2).bytes(2 ** 21);
  await fc.assert(
    fc.asyncProperty(sizes, async (size) => {
      const body = bytes.subarray(0, size);
      let nowMs = 0;
      // Time stands still for who waits, and passes in leaps.
      const rate = new RateLimit(2 ** 23, () => (nowMs += 10_000));
      const path = { movement: new Movement(), onMoved: undefined };
      const slices: Uint8Array[] = [];
      for await (const slice of limitedSlicesOf(body, path, rate)) slices.push(slice);
      assert.deepEqual(concatBytes(slices), body);
      for (const { length } of slices) assert(length <= rate.sliceBytes);
    }),
  );
});
