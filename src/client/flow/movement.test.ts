import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../../test/support/property.ts';
import { Movement, STALL_TICKS } from './movement.ts';

/** Ticks until it has stalled. */
function ticksToStall(movement: Movement): number {
  for (let ticks = 1; ticks < 10_000; ticks += 1) {
    if (movement.tick()) return ticks;
  }
  return Infinity;
}

test('an exchange that never moves stalls after the stall time', () => {
  assert.equal(ticksToStall(new Movement()), STALL_TICKS + 1);
  assert.equal(ticksToStall(new Movement(2)), 2 * STALL_TICKS + 1);
});

test('an exchange that moves within the stall time never stalls', () => {
  const step = fc.record({
    ticks: fc.nat(STALL_TICKS),
    how: fc.constantFrom('sent' as const, 'received' as const),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const movement = new Movement();
      for (const { ticks, how } of steps) {
        for (let tick = 0; tick < ticks; tick += 1) assert(!movement.tick());
        movement[how]();
      }
    }),
  );
});

test('a body that took its time may lie in a buffer for twice that time', () => {
  const movement = new Movement();
  for (let tick = 0; tick < 5 * STALL_TICKS; tick += 1) {
    assert(!movement.tick());
    movement.sent();
  }
  assert.equal(ticksToStall(movement), 10 * STALL_TICKS + 1);
});

test('a response has the stall time for each of its pieces, however long the request took', () => {
  const movement = new Movement();
  for (let tick = 0; tick < 5 * STALL_TICKS; tick += 1) {
    assert(!movement.tick());
    movement.sent();
  }
  movement.received();
  assert.equal(ticksToStall(movement), STALL_TICKS + 1);
});

test('an exchange that we hold up ourselves does not stall', () => {
  const movement = new Movement();
  movement.isPaused = true;
  assert.equal(ticksToStall(movement), Infinity);
  movement.isPaused = false;
  assert.equal(ticksToStall(movement), STALL_TICKS + 1);
});
