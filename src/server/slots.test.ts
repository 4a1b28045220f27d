import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Slots } from './slots.ts';

test('Slots.take() refuses with busy beyond the limits of one and of all, until one is free again', () => {
  const slots = new Slots('fly', { countMax: 3, perPrincipalMax: 2 });
  const first = slots.take('bob');
  const second = slots.take('bob');
  assert.throws(() => slots.take('bob'), {
    code: 'busy',
    message: 'cannot fly: 2 requests of "bob" and 2 in all are at it, need fewer than 2 and 3',
  });
  const stranger = slots.take();
  assert.throws(() => slots.take('alice'), {
    code: 'busy',
    message: 'cannot fly: 0 requests of "alice" and 3 in all are at it, need fewer than 2 and 3',
  });
  first[Symbol.dispose]();
  const again = slots.take('bob');
  assert.throws(() => slots.take(), {
    message: 'cannot fly: 1 requests of strangers and 3 in all are at it, need fewer than 2 and 3',
  });
  for (const one of [second, stranger, again]) one[Symbol.dispose]();
  slots.take('bob');
  slots.take('bob');
});
