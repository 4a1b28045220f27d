import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concurrently } from './concurrently.ts';

test('concurrently() runs everything, at most so many at a time', async () => {
  let running = 0;
  let runningMax = 0;
  const done: number[] = [];
  const items = Array.from({ length: 20 }, (_, index) => index);
  await concurrently(items, 3, async (item) => {
    running += 1;
    runningMax = Math.max(runningMax, running);
    await new Promise(setImmediate);
    running -= 1;
    done.push(item);
  });
  assert.equal(runningMax, 3);
  assert.deepEqual(
    done.toSorted((left, right) => left - right),
    items,
  );
});

test('concurrently() starts nothing after a failure and waits for what runs', async () => {
  const started: number[] = [];
  const ended: number[] = [];
  const running = concurrently([0, 1, 2, 3, 4, 5], 2, async (item) => {
    started.push(item);
    await new Promise(setImmediate);
    if (item === 1) throw new Error('one');
    await new Promise(setImmediate);
    ended.push(item);
  });
  await assert.rejects(running, /one/);
  assert(started.length <= 3);
  assert.deepEqual(
    ended,
    started.filter((item) => item !== 1),
  );
});

test('concurrently() waits for what runs when its items fail', async () => {
  let isDone = false;
  async function* items(): AsyncGenerator<number> {
    yield 1;
    throw new Error('no more');
  }
  const running = concurrently(items(), 2, async () => {
    await new Promise(setImmediate);
    isDone = true;
  });
  await assert.rejects(running, /no more/);
  assert(isDone);
});
