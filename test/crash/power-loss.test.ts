import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CrashRun } from '../support/crash-run.ts';
import type { CrashOptions, CrashTotals } from '../support/crash-world.ts';

/**
 * Power losses and kills at random operations of the disk, under a random load (DESIGN §9). Each seed
 * is the life of one store, the same each time. GDPFS_SEED=n repeats one of them. Soak: GDPFS_SEEDS=400
 * node --test test/crash/power-loss.test.ts
 */

const SEEDS = Number(process.env['GDPFS_SEEDS'] ?? 60);
/** Every so manieth frees what is past while it works. */
const FREEING = 3;

describe('a store after power losses', () => {
  it('holds everything that was acknowledged, nothing by halves, and goes on', async (context) => {
    const totals = emptyTotals();
    const only = process.env['GDPFS_SEED'];
    const seeds = only === undefined ? allSeeds(SEEDS) : [Number(only)];
    for (const seed of seeds) await runSeed({ seed, isFreeing: seed % FREEING === 0 }, totals);
    context.diagnostic(`${seeds.length} seeds: ${JSON.stringify(totals)}`);
    if (only === undefined) assertNotVacuous(totals);
  });

  it('is found wanting when the disk lies about syncs: the checks can fail', async () => {
    let failed = 0;
    for (let seed = 1; seed <= 10; seed++) {
      try {
        await runSeed({ seed, honorsSync: false }, emptyTotals());
      } catch {
        failed += 1;
      }
    }
    assert(failed >= 8, `only ${failed} of 10 runs on a lying disk failed`);
  });
});

function allSeeds(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}

async function runSeed(options: CrashOptions, totals: CrashTotals): Promise<void> {
  using run = new CrashRun(options, totals);
  try {
    await run.run();
  } catch (cause) {
    throw new Error(`GDPFS_SEED=${options.seed} fails`, { cause });
  }
}

function assertNotVacuous(totals: CrashTotals): void {
  assert(totals.acknowledged > 500, 'too few acknowledged changes');
  assert(totals.interrupted > 50, 'too few changes were on their way');
  assert(totals.foundDone > 0 && totals.foundDone < totals.interrupted, 'always the same end');
  assert(totals.lossyPowerLosses > 10, 'too few power losses took something');
  assert(totals.tornTails > 0, 'no torn tail was cut');
  assert(totals.sealedSegments > 0, 'no segment was sealed');
  assert(totals.kills > 0 && totals.stopsInRecovery > 0 && totals.failedSyncs > 0, 'too tame');
  assert(totals.freedChunks > 100, 'too little was freed');
  assert(totals.refusedForSpace > 0, 'the disk was never full');
  const { deleted, older, current } = totals.index;
  assert(deleted > 0 && older > 0 && current > 0, 'the index was always the same');
}

function emptyTotals(): CrashTotals {
  return {
    rounds: 0,
    acknowledged: 0,
    interrupted: 0,
    foundDone: 0,
    powerLosses: 0,
    lossyPowerLosses: 0,
    kills: 0,
    stopsInRecovery: 0,
    tornTails: 0,
    sealedSegments: 0,
    refusedForSpace: 0,
    failedSyncs: 0,
    freedChunks: 0,
    index: { deleted: 0, older: 0, current: 0 },
  };
}
