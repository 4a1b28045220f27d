import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { ByteBudget } from './byte-budget.ts';

/** Lets everything that can go on go on. */
async function settle(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}

test('acquire() lets requests in while they fit and makes the others wait their turn', async () => {
  const budget = new ByteBudget(10);
  const order: string[] = [];
  const ask = (name: string, bytes: number): void => {
    void budget.acquire(bytes).then(() => order.push(name));
  };
  ask('a', 6);
  ask('b', 6);
  ask('c', 1);
  await settle();
  assert.deepEqual(order, ['a']);
  budget.release(6);
  await settle();
  assert.deepEqual(order, ['a', 'b', 'c']);
});

test('acquire() of more than the budget waits to be alone', async () => {
  const budget = new ByteBudget(10);
  budget.take(1);
  let isIn = false;
  void budget.acquire(50).then(() => {
    isIn = true;
  });
  await settle();
  assert.equal(isIn, false);
  budget.release(1);
  await settle();
  assert.equal(isIn, true);
});

test('whenFree() waits for a full budget only', async () => {
  const budget = new ByteBudget(10);
  budget.take(12);
  assert.equal(budget.isFull, true);
  let isFree = false;
  void budget.whenFree().then(() => {
    isFree = true;
  });
  budget.release(2);
  await settle();
  assert.equal(isFree, false);
  budget.release(1);
  await settle();
  assert.equal(isFree, true);
});

test('the budget is never exceeded by acquire(), and nobody waits for good', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.integer({ min: 1, max: 100 }), { maxLength: 30 }),
      async (asks) => {
        const budget = new ByteBudget(100);
        let used = 0;
        let done = 0;
        const all = asks.map(async (bytes) => {
          await budget.acquire(bytes);
          used += bytes;
          assert.ok(used <= 100);
          await settle();
          used -= bytes;
          done += 1;
          budget.release(bytes);
        });
        await Promise.all(all);
        assert.equal(done, asks.length);
      },
    ),
    { numRuns: 30 },
  );
});
