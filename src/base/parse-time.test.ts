import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseTime } from './parse-time.ts';

test('parseTime() reads RFC 3339', () => {
  const noon = Date.UTC(2026, 10, 20, 12);
  assert.equal(parseTime('2026-11-20T12:00:00Z'), noon);
  assert.equal(parseTime('2026-11-20t12:00:00z'), noon);
  assert.equal(parseTime('2026-11-20T14:00:00.5+02:00'), noon + 500);
  assert.equal(parseTime('2028-02-29T00:00:00Z'), Date.UTC(2028, 1, 29));
});

test('parseTime() takes what does not say its zone for local time', () => {
  const noon = new Date(2026, 10, 20, 12).getTime();
  assert.equal(parseTime('2026-11-20T12:00'), noon);
  assert.equal(parseTime('2026-11-20 12:00:07'), noon + 7000);
  assert.equal(parseTime('2026-11-20'), new Date(2026, 10, 20).getTime());
});

for (const text of [
  '',
  '1',
  'yesterday',
  '2026-02-30T00:00:00Z',
  '2026-13-01T00:00:00Z',
  '2026-11-20T25:00:00Z',
  '2026-11-20T12:60',
  '2026-11-20T12:00:00+25:00',
  '2026-11-20T12',
  '20 Nov 2026',
  ' 2026-11-20',
]) {
  test(`parseTime() refuses "${text}"`, () => assert.equal(parseTime(text), undefined));
}
