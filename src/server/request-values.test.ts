import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGdpfsError } from '../base/errors.ts';
import { parseMoment, parseRanges } from './request-values.ts';

test('parseMoment() tells seqs from times', () => {
  assert.deepEqual(parseMoment('17'), { kind: 'seq', seq: 17 });
  assert.deepEqual(parseMoment('2026-11-20T12:00:00Z'), {
    kind: 'time',
    timeMs: Date.UTC(2026, 10, 20, 12),
  });
  assert.deepEqual(parseMoment('2026-11-20T12:00:00.5+02:00'), {
    kind: 'time',
    timeMs: Date.UTC(2026, 10, 20, 10, 0, 0, 500),
  });
});

for (const text of [
  '9007199254740993',
  '2026-13-01T00:00:00Z',
  '2026-11-20T25:00:00Z',
  '2026-02-30T00:00:00Z',
]) {
  test(`parseMoment() refuses "${text}"`, () => {
    assert.throws(
      () => parseMoment(text),
      (error) => isGdpfsError(error, 'bad_request'),
    );
  });
}

const bounds = { size: 100, countMax: 3 };

test('parseRanges() reads ascending ranges', () => {
  assert.deepEqual(parseRanges('0:1,1:9,99:1', bounds), [
    { offset: 0, length: 1 },
    { offset: 1, length: 9 },
    { offset: 99, length: 1 },
  ]);
});

for (const text of [
  '0:0',
  '0:101',
  '100:1',
  '5:5,9:1',
  '9:1,0:1',
  '0:1,2:1,4:1,6:1',
  '0:9999999999999999',
]) {
  test(`parseRanges() refuses "${text}" of 100 bytes`, () => {
    assert.throws(
      () => parseRanges(text, bounds),
      (error) => isGdpfsError(error, 'bad_range'),
    );
  });
}
