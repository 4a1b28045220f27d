import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatMode, formatSize, formatTime } from './format.ts';

test('formatSize() shows three digits in decimal units', () => {
  const cases: readonly [number, string][] = [
    [0, '0 B'],
    [7.893, '8 B'],
    [999, '999 B'],
    [1000, '1.00 KB'],
    [1234, '1.23 KB'],
    [45_600, '45.6 KB'],
    [999_499, '999 KB'],
    [999_500, '1.00 MB'],
    [2 ** 31, '2.15 GB'],
    [Number.MAX_SAFE_INTEGER, '9.01 PB'],
  ];
  for (const [bytes, text] of cases) assert.equal(formatSize(bytes), text);
});

test('formatTime() shows local time, in an order that sorts', () => {
  assert.equal(formatTime(new Date(2026, 0, 2, 3, 4, 5).getTime()), '2026-01-02 03:04:05');
  assert.equal(formatTime(new Date(2026, 10, 22, 23, 59, 59).getTime()), '2026-11-22 23:59:59');
});

test('formatMode() writes what ls writes', () => {
  assert.equal(formatMode('file', 0o644), '-rw-r--r--');
  assert.equal(formatMode('directory', 0o755), 'drwxr-xr-x');
  assert.equal(formatMode('symlink', 0o777), 'lrwxrwxrwx');
  assert.equal(formatMode('directory', 0o1777), 'drwxrwxrwt');
  assert.equal(formatMode('file', 0o7000), '---S--S--T');
  assert.equal(formatMode('file', 0o6711), '-rws--s--x');
});
