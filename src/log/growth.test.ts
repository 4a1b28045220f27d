import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Growth } from './growth.ts';

const NEVER = new AbortController().signal;

test('who waits wakes for the logs it named, for all of them, and by its signal, and for nothing else', async () => {
  const growth = new Growth();
  const woken: string[] = [];
  const wait = async (name: string, volumes: number[], signal = NEVER): Promise<void> => {
    await growth.next(volumes, signal);
    woken.push(name);
  };
  const controller = new AbortController();
  const all = [
    wait('first', [1]),
    wait('both', [1, 2]),
    wait('second', [2], controller.signal),
    wait('third', [3]),
  ];
  growth.grown(7);
  growth.grown(1);
  await Promise.all(all.slice(0, 2));
  assert.deepEqual(woken, ['first', 'both']);
  controller.abort();
  await all[2];
  growth.wakeAll();
  await all[3];
  assert.deepEqual(woken, ['first', 'both', 'second', 'third']);
  await growth.next([1], controller.signal);
});
