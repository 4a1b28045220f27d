import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { Histogram } from './histogram.ts';

test('a value on a bound counts as at most that, and one above all only in the total', () => {
  const histogram = new Histogram([1, 2.5]);
  for (const value of [0, 1, 1.5, 2.5, 7]) histogram.observe(value);
  assert.deepEqual(histogram.cumulative(), [2, 4, 5]);
  assert.equal(histogram.sum, 12);
});

test('the counts are those of the values that are at most each bound', () => {
  const numbers = fc.array(fc.integer({ min: -20, max: 20 }), { maxLength: 30 });
  fc.assert(
    fc.property(numbers, numbers, (values, limits) => {
      const bounds = [...new Set(limits)].sort((left, right) => left - right);
      const histogram = new Histogram(bounds);
      for (const value of values) histogram.observe(value);
      const expected = bounds.map((bound) => values.filter((value) => value <= bound).length);
      assert.deepEqual(histogram.cumulative(), [...expected, values.length]);
    }),
  );
});
