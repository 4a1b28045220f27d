import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { TaskGroup } from './task-group.ts';

test('TaskGroup runs so many tasks of a lane at a time, and lanes beside each other', async () => {
  const group = new TaskGroup();
  let running = 0;
  let most = 0;
  const task = async (): Promise<void> => {
    running += 1;
    most = Math.max(most, running);
    await turn();
    running -= 1;
  };
  const two = group.lane(2);
  const one = group.lane(1);
  for (let count = 0; count < 6; count += 1) {
    await two(task);
    await one(task);
  }
  await group.settle();
  assert.equal(most, 3);
  assert.equal(running, 0);
});

test('TaskGroup starts nothing in any lane after a failure, and throws it', async () => {
  const group = new TaskGroup();
  const failing = group.lane(1);
  const other = group.lane(1);
  const slow = Promise.withResolvers<void>();
  await other(() => slow.promise);
  await failing(() => Promise.reject(new Error('first')));
  await turn();
  await assert.rejects(
    failing(() => Promise.resolve()),
    /first/,
  );
  await assert.rejects(
    other(() => assert.fail('it was started')),
    /first/,
  );
  slow.resolve();
  await assert.rejects(group.settle(), /first/);
});
