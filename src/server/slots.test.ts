import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slots } from './slots.ts';

test('Slots.take() refuses with busy beyond the limit, until one is free again', () => {
  const slots = new Slots('fly', 2);
  const first = slots.take();
  using _ = slots.take();
  const refusal = { code: 'busy', message: 'cannot fly: 2 requests are at it, need fewer than 2' };
  assert.throws(() => slots.take(), refusal);
  first[Symbol.dispose]();
  using _again = slots.take();
  assert.throws(() => slots.take(), refusal);
});
