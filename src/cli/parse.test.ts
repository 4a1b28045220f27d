import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseCount, parseRate, parseSize } from './parse.ts';

test('parseCount() reads whole numbers and refuses the rest', () => {
  assert.deepEqual(['0', '12', '9007199254740991'].map(parseCount), [0, 12, 2 ** 53 - 1]);
  for (const text of ['', '-1', '1.5', '1e3', '0x1', ' 1', '9007199254740992']) {
    assert.throws(() => parseCount(text), { code: 'usage' }, text);
  }
});

test('parseRate() reads rates as rsync and rclone do', () => {
  const cases: readonly (readonly [string, number | undefined])[] = [
    ['100', 102_400],
    ['100K', 102_400],
    ['100k', 102_400],
    ['1.5M', 1_572_864],
    ['1MiB', 1_048_576],
    ['2MB', 2_000_000],
    ['1G', 1_073_741_824],
    ['100B', 100],
    ['0', undefined],
  ];
  for (const [text, bytes] of cases) assert.equal(parseRate(text), bytes, text);
});

test('parseRate() refuses what is no rate', () => {
  for (const text of ['', 'M', '-1', '1Z', '1 M', '1e3', '10M/s', '1BB', '1.', '99999999999G']) {
    assert.throws(() => parseRate(text), { code: 'usage' }, text);
  }
});

test('parseSize() reads sizes in decimal and binary units, and none for no limit', () => {
  for (const [text, bytes] of [
    ['0', 0],
    ['1000', 1000],
    ['1.5KB', 1500],
    ['2K', 2048],
    ['1GiB', 1024 ** 3],
    ['100GB', 100e9],
    ['3TB', 3e12],
    ['none', 0],
  ] as const) {
    assert.equal(parseSize(text), bytes, text);
  }
  for (const text of ['', '-1', '1X', 'nothing', '1e3', '99999999T']) {
    assert.throws(() => parseSize(text), { code: 'usage' }, text);
  }
});
