import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { sha256 } from '../base/digest.ts';
import { utf8Encode } from '../base/bytes.ts';
import {
  decodeCursor,
  encodeCursor,
  formatContentRange,
  formatETag,
  matchesETag,
  parseETag,
  parseRange,
} from './headers.ts';

const content = sha256(utf8Encode('content'));
const tag = formatETag(content);

test('parseETag() reads back what formatETag() writes, and nothing weak or foreign', () => {
  assert.deepEqual(parseETag(tag), content);
  assert.deepEqual(parseETag(` ${tag} `), content);
  for (const text of [`W/${tag}`, '*', '', '"x"', tag.slice(1), `${tag}, ${tag}`]) {
    assert.equal(parseETag(text), undefined, text);
  }
});

test('matchesETag() takes lists and "*"', () => {
  assert.ok(matchesETag(tag, content));
  assert.ok(matchesETag(`"other", ${tag}`, content));
  assert.ok(matchesETag('*', undefined));
  assert.ok(!matchesETag('"other"', content));
  assert.ok(!matchesETag(tag, undefined));
  assert.ok(!matchesETag(`W/${tag}`, content));
});

const ranges: readonly [value: string, size: number, expected: ReturnType<typeof parseRange>][] = [
  ['bytes=0-0', 10, { offset: 0, length: 1 }],
  ['bytes=0-9', 10, { offset: 0, length: 10 }],
  ['bytes=2-5', 10, { offset: 2, length: 4 }],
  ['bytes=5-', 10, { offset: 5, length: 5 }],
  ['bytes=5-100', 10, { offset: 5, length: 5 }],
  ['bytes=-3', 10, { offset: 7, length: 3 }],
  ['bytes=-30', 10, { offset: 0, length: 10 }],
  ['bytes=10-', 10, 'none'],
  ['bytes=99-100', 10, 'none'],
  ['bytes=-0', 10, 'none'],
  ['bytes=0-', 0, 'none'],
  ['bytes=-5', 0, 'none'],
  ['bytes=99999999999999999999-', 10, 'none'],
  ['bytes=0-99999999999999999999', 10, { offset: 0, length: 10 }],
  ['bytes=5-2', 10, 'whole'],
  ['bytes=0-1,4-5', 10, 'whole'],
  ['bytes=-', 10, 'whole'],
  ['bytes=', 10, 'whole'],
  ['bytes=a-b', 10, 'whole'],
  ['bytes=+1-2', 10, 'whole'],
  ['lines=0-1', 10, 'whole'],
  ['', 10, 'whole'],
];
for (const [value, size, expected] of ranges) {
  test(`parseRange() of "${value}" in ${size} bytes`, () => {
    assert.deepEqual(parseRange(value, size), expected);
  });
}

test('parseRange() never leaves the file', () => {
  fc.assert(
    fc.property(fc.stringMatching(/^bytes=\d{0,6}-\d{0,6}$/), fc.nat(100_000), (value, size) => {
      const range = parseRange(value, size);
      if (typeof range === 'string') return;
      assert.ok(range.offset >= 0 && range.length >= 1 && range.offset + range.length <= size);
    }),
  );
});

test('formatContentRange() counts the last byte in', () => {
  assert.equal(formatContentRange({ offset: 2, length: 4 }, 10), 'bytes 2-5/10');
});

test('decodeCursor() reads back what encodeCursor() writes, which is safe in a header', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), (path) => {
      const value = encodeCursor(path);
      assert.match(value, /^[\x21-\x7e]*$/);
      assert.equal(decodeCursor(value), path);
    }),
  );
});
