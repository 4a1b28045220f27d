import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { type ByteRange, isCovered, mergeRanges } from './byte-ranges.ts';

const RANGE = fc.record({ offset: fc.nat(60), length: fc.integer({ min: 1, max: 20 }) });

function bytesOf(ranges: readonly ByteRange[]): Set<number> {
  return new Set(
    ranges.flatMap(({ offset, length }) => Array.from({ length }, (_, index) => offset + index)),
  );
}

function sorted(bytes: ReadonlySet<number>): number[] {
  return [...bytes].toSorted((left, right) => left - right);
}

test('mergeRanges() keeps the bytes and leaves gaps between the ranges', () => {
  fc.assert(
    fc.property(fc.array(RANGE), (ranges) => {
      const merged = mergeRanges(ranges);
      assert.deepEqual(sorted(bytesOf(merged)), sorted(bytesOf(ranges)));
      for (const [index, { offset }] of merged.slice(1).entries()) {
        const before = merged[index];
        assert(before !== undefined && before.offset + before.length < offset);
      }
    }),
  );
});

test('isCovered() says whether all bytes of a range are in merged ranges', () => {
  fc.assert(
    fc.property(fc.array(RANGE), RANGE, (ranges, range) => {
      const bytes = bytesOf(ranges);
      const expected = [...bytesOf([range])].every((byte) => bytes.has(byte));
      assert.equal(isCovered(mergeRanges(ranges), range), expected);
    }),
  );
});
