import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { chainAhead, mapAhead } from './ahead.ts';

/** Work that settles when it is told to. */
class Bench {
  readonly started: number[] = [];
  readonly signals: AbortSignal[] = [];

  readonly work = async (item: number, signal: AbortSignal): Promise<number> => {
    this.started.push(item);
    this.signals.push(signal);
    await delay(item % 3);
    return 10 * item;
  };
}

test('mapAhead() keeps the order and begins no more than it may', async () => {
  const bench = new Bench();
  const results: number[] = [];
  for await (const result of mapAhead([1, 2, 3, 4, 5, 6, 7], { ahead: 2 }, bench.work)) {
    assert(bench.started.length <= results.length + 3, `${bench.started.length} were begun`);
    results.push(result);
  }
  assert.deepEqual(results, [10, 20, 30, 40, 50, 60, 70]);
});

test('mapAhead() aborts what is under way when its reader leaves', async () => {
  const bench = new Bench();
  for await (const result of mapAhead([1, 2, 3, 4, 5], { ahead: 2 }, bench.work)) {
    if (result === 20) break;
  }
  assert.deepEqual(bench.started, [1, 2, 3, 4]);
  assert(bench.signals.every(({ aborted }) => aborted));
});

test('mapAhead() hands on what failed in its turn, and what the signal says', async () => {
  const results: number[] = [];
  const failing = mapAhead([1, 2, 3], { ahead: 2 }, async (item) => {
    if (item === 2) throw new Error('no 2');
    return await Promise.resolve(item);
  });
  await assert.rejects(async () => {
    for await (const result of failing) results.push(result);
  }, /no 2/);
  assert.deepEqual(results, [1]);
  const signal = AbortSignal.abort(new Error('enough'));
  const aborted = mapAhead([1], { ahead: 1, signal }, new Bench().work);
  await assert.rejects(aborted.next(), /enough/);
});

/** Parts `a0 a1 a2` of an item `a`; tells when it was opened and when it was over. */
function opener(log: string[]) {
  return async function* open(
    item: string,
    signal: AbortSignal,
  ): AsyncGenerator<string, void, void> {
    log.push(`open ${item}`);
    try {
      for (let part = 0; part < 3; part += 1) {
        signal.throwIfAborted();
        yield await Promise.resolve(`${item}${part}`);
      }
    } finally {
      log.push(`over ${item}`);
    }
  };
}

test('chainAhead() opens the next one before the first is over', async () => {
  const log: string[] = [];
  const parts: string[] = [];
  for await (const part of chainAhead(['a', 'b', 'c'], { ahead: 1 }, opener(log))) {
    log.push(part);
    parts.push(part);
  }
  assert.deepEqual(parts, ['a0', 'a1', 'a2', 'b0', 'b1', 'b2', 'c0', 'c1', 'c2']);
  assert(log.indexOf('open b') < log.indexOf('a0'));
  assert(log.indexOf('open c') > log.indexOf('a2'));
  assert.equal(log.filter((entry) => entry.startsWith('over')).length, 3);
});

test('chainAhead() ends all that it has opened when its reader leaves', async () => {
  const log: string[] = [];
  for await (const part of chainAhead(['a', 'b', 'c'], { ahead: 1 }, opener(log))) {
    if (part === 'a1') break;
  }
  assert.deepEqual(log.toSorted(), ['open a', 'open b', 'over a', 'over b']);
});
