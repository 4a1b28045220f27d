import assert from 'node:assert/strict';
import { it } from 'node:test';
import { SweepRun, type SweepTotals } from '../support/sweep-run.ts';

/**
 * Power losses at random operations of the disk while chunks are freed. Each seed is the life of one store.
 * GDPFS_SEED=n repeats one of them. Soak: GDPFS_SEEDS=400 node --test test/crash/sweep-loss.test.ts
 */

const SEEDS = Number(process.env['GDPFS_SEEDS'] ?? 8);

it('a store whose sweep is cut off anywhere has every chunk that is kept, and knows which are gone', async (context) => {
  const totals: SweepTotals = {
    freed: 0,
    interrupted: 0,
    finished: 0,
    storedAgain: 0,
    keptInTime: 0,
    refused: 0,
    lossyPowerLosses: 0,
    index: { deleted: 0, older: 0, cut: 0, current: 0 },
  };
  const only = process.env['GDPFS_SEED'];
  const all = Array.from({ length: SEEDS }, (_, index) => index + 1);
  for (const seed of only === undefined ? all : [Number(only)]) {
    using run = new SweepRun(seed, totals);
    try {
      await run.run();
    } catch (cause) {
      throw new Error(`GDPFS_SEED=${seed} fails`, { cause });
    }
  }
  context.diagnostic(JSON.stringify(totals));
  if (only !== undefined) return;
  // What a run does follows from the seed but for the order in which the system answers.
  const { index, refused: _, ...counts } = totals;
  for (const [what, count] of Object.entries({ ...counts, ...index })) assert(count > 0, what);
});
