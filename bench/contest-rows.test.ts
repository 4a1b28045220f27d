import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { ContenderName } from './contender.ts';
import type { Copies, Copy } from './contest.ts';
import { contestRows, FILES } from './contest-rows.ts';

function copies(elapsedMs: readonly number[], amount: number): Copies {
  const all = elapsedMs.map((ms): Copy => {
    return { amount, elapsedMs: ms, stdout: '', clientCpuMs: 500, serverCpuMs: 250, peakBytes: 0 };
  });
  return { up: all, down: all };
}

suite('contestRows()', () => {
  const results = new Map<ContenderName, Copies>([
    ['gdpfs', copies([1000, 2000, 4000], 1000)],
    ['rclone, webdav', copies([1000, 4000, 2000], 100)],
  ]);
  const presentation = { what: 'files', key: 'test', unit: FILES };

  test('compares rates, not times, where a peer was given less to do', () => {
    const [row] = contestRows(results, { ...presentation, goal: () => undefined });
    assert.equal(row?.measured, '500 files/s');
    assert.equal(row?.beside, 'rclone, webdav 50 files/s');
    assert.deepEqual(row?.ratio, { key: 'test, up, rclone, webdav', value: 10, range: [5, 20] });
    assert.equal(row?.cpu, '5.0 + 2.5; 50.0 + 25.0 for 10,000 files');
  });

  test('says whether the goal was reached', () => {
    const reached = (atLeast: number): (boolean | undefined)[] => {
      const rows = contestRows(results, { ...presentation, goal: () => ({ atLeast }) });
      return rows.map(({ goal }) => goal?.isReached);
    };
    assert.deepEqual(reached(10), [true, true]);
    assert.deepEqual(reached(10.1), [false, false]);
  });
});
