import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatBytes, formatMode, formatTime, visibleName } from './text.ts';

test('sizes have one unit and three digits', () => {
  for (const [bytes, text] of [
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [102_348, '99.9 KiB'],
    [102_400, '100 KiB'],
    [1024 ** 2 - 1, '1.0 MiB'],
    [5 * 1024 ** 4, '5.0 TiB'],
    [2 ** 53 - 1, '8.0 PiB'],
  ] as const) {
    assert.equal(formatBytes(bytes), text);
  }
});

test('modes are written as ls does, times in local time', () => {
  assert.equal(formatMode(0o750), 'rwxr-x---');
  assert.equal(formatTime(new Date(2026, 0, 2, 3, 4, 5).getTime()), '2026-01-02 03:04:05');
  assert.equal(formatTime(Number.NaN), 'unknown');
});

test('a name shows what one would not see in it', () => {
  assert.equal(visibleName('plain name-1.txt'), 'plain name-1.txt');
  assert.equal(visibleName('Größe 日本 🐟'), 'Größe 日本 🐟');
  assert.equal(visibleName('a\u202egpj.exe'), 'a\\u{202e}gpj.exe');
  assert.equal(visibleName('two\nlines\tand\0'), 'two\\u{a}lines\\u{9}and\\u{0}');
  assert.equal(visibleName('zero\u200bwidth'), 'zero\\u{200b}width');
  assert.equal(visibleName('no\u00a0break'), 'no\\u{a0}break');
  assert.equal(visibleName(' ends '), '\\u{20}ends\\u{20}');
  assert.equal(visibleName('<img src=x onerror=alert(1)>'), '<img src=x onerror=alert(1)>');
});
