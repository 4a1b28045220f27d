import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { LIMITS } from '../../base/limits.ts';
import type { Action, ActionPages } from './action.ts';
import { type Batch, receiveBatches } from './receive-batches.ts';

function filesOf(first: number, count: number): Action[] {
  return Array.from({ length: count }, (_, index) => {
    const relative = `f${String(first + index).padStart(6, '0')}`;
    const entry = { relative, kind: 'file', size: 1, mode: 0o644, mtimeUs: 0 } as const;
    return { kind: 'file', entry, reason: 'new' };
  });
}

async function* pagesOf(...counts: number[]): ActionPages {
  let first = 0;
  for (const count of counts) {
    yield filesOf(first, count);
    first += count;
  }
}

async function countsOf(batches: AsyncIterable<Batch>): Promise<number[]> {
  const counts: number[] = [];
  for await (const { index, actions } of batches) {
    assert.equal(index, counts.length);
    counts.push(actions.length);
  }
  return counts;
}

describe('receiveBatches()', () => {
  test('fills batches over the pages while others are under way', async () => {
    const { firstNames, tarFilesMax } = LIMITS;
    const pages = pagesOf(100, firstNames, firstNames, 2 * tarFilesMax, 20);
    const batches = receiveBatches(pages, () => false);
    const full: number[] = [firstNames, tarFilesMax, tarFilesMax];
    const all = 120 + 2 * firstNames + 2 * tarFilesMax;
    const rest = all - full.reduce((sum, count) => sum + count);
    assert.deepEqual(await countsOf(batches), [...full, rest]);
  });

  test('lets what is planned go at the end of a page when nothing is under way', async () => {
    const asked: number[] = [];
    const isIdle = (index: number): boolean => {
      asked.push(index);
      return index !== 1;
    };
    const batches = receiveBatches(pagesOf(3, 4, 0, LIMITS.tarFilesMax, 5), isIdle);
    assert.deepEqual(await countsOf(batches), [3, LIMITS.tarFilesMax, 4, 5, 0]);
    assert.deepEqual(asked, [0, 1, 1, 2, 3]);
  });
});
