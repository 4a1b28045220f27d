import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DigestMap } from './digest-map.ts';

/** Those with the same `first` have one short key. */
function digest(first: number, last: number): Uint8Array {
  const bytes = new Uint8Array(32).fill(first);
  bytes[31] = last;
  return bytes;
}

test('DigestMap finds and replaces values, also where short keys are the same', () => {
  const map = new DigestMap<{ readonly digest: Uint8Array; readonly is: string }>();
  assert.equal(map.get(digest(1, 1)), undefined);
  assert.equal(map.hasKeyOf(digest(1, 1)), false);
  for (const [first, last, is] of [
    [1, 1, 'a'],
    [1, 2, 'b'],
    [2, 1, 'c'],
    [1, 3, 'd'],
    [1, 2, 'e'],
  ] as const) {
    map.set({ digest: digest(first, last), is });
  }
  assert.equal(map.size, 4);
  assert.equal(map.get(digest(1, 2))?.is, 'e');
  assert.equal(map.get(digest(2, 2)), undefined);
  assert.deepEqual([...map.values()].map(({ is }) => is).toSorted(), ['a', 'c', 'd', 'e']);
  assert.equal(map.hasKeyOf(digest(1, 9)), true);
  map.set({ digest: digest(0xff, 1), is: 'f' });
  const [first, ...others] = map.inOrder().map(({ is }) => is);
  // Keys are numbers with a sign.
  assert.equal(first, 'f');
  assert.deepEqual(others.slice(0, 3).toSorted(), ['a', 'd', 'e']);
  assert.deepEqual(others.slice(3), ['c']);
});
