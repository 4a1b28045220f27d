import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { FeedWaiters } from './feed-waiters.ts';

function isBusy(error: unknown): boolean {
  return isGdpfsError(error, 'busy');
}

test('so many requests wait, of one principal and in all, and one that ends makes room', () => {
  const waiters = new FeedWaiters();
  const { feedWaitersMax, feedWaitersPerPrincipalMax } = LIMITS;
  const taken = Array.from({ length: feedWaitersPerPrincipalMax }, () => waiters.take('bob'));
  assert.throws(() => waiters.take('bob'), isBusy);
  taken.pop()?.[Symbol.dispose]();
  taken.push(waiters.take('bob'));
  for (let index = taken.length; index < feedWaitersMax; index += 1) {
    taken.push(waiters.take(`user-${index}`));
  }
  assert.throws(() => waiters.take('alice'), isBusy);
  for (const one of taken) one[Symbol.dispose]();
  waiters.take('bob');
});
