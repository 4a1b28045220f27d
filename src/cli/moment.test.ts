import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMoment } from './moment.ts';

test('parseMoment() leaves seqs and names alone and gives times as the API takes them', () => {
  assert.equal(parseMoment('17'), '17');
  assert.equal(parseMoment('v1.0'), 'v1.0');
  assert.equal(parseMoment('2026-11-20T14:00:00+02:00'), '2026-11-20T12:00:00.000Z');
  const local = new Date(2026, 10, 20, 12).toISOString();
  assert.equal(parseMoment('2026-11-20T12:00'), local);
});

test('parseMoment() refuses what is none of them', () => {
  for (const text of ['', '-1', 'Yesterday', '2026-02-30', '12345678901234567']) {
    assert.throws(() => parseMoment(text), { code: 'usage' }, text);
  }
});
