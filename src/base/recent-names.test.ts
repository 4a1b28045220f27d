import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RecentNames } from './recent-names.ts';

test('add() knows the names that were added last, and no others', () => {
  const names = new RecentNames(2);
  assert.equal(names.add('a'), false);
  assert.equal(names.add('b'), false);
  assert.equal(names.add('a'), true);
  assert.equal(names.add('c'), false);
  assert.equal(names.add('a'), true, 'b was the oldest');
  assert.equal(names.add('b'), false);
});
