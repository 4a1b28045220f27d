import { isGdpfsError } from '../base/errors.ts';
import { asIndexError } from '../storage/index-db.ts';
import type { Fold } from './fold.ts';
import type { Job } from './sequencer.ts';
import { NextBatch, type Transaction } from './transaction.ts';

interface Planned {
  readonly job: Job;
  readonly result: unknown;
}

export interface Batch {
  /** Jobs taken from the front of the queue. */
  readonly taken: number;
  /** Those of them that were not refused. */
  readonly planned: readonly Planned[];
}

/** Bytes of records after which a batch takes no further change. */
const BATCH_BYTES = 8 * 1024 * 1024;

/** Runs the plans of a batch one behind the other; a plan that throws leaves no trace. */
export function runPlans(transaction: Transaction, fold: Fold, jobs: readonly Job[]): Batch {
  const planned: Planned[] = [];
  let taken = 0;
  for (const job of jobs) {
    // Only a batch of urgent changes may use the reserve.
    if (taken > 0 && job.urgent !== jobs[0]?.urgent) break;
    if (transaction.bytes > BATCH_BYTES) break;
    taken += 1;
    try {
      planned.push({ job, result: runPlan(transaction, fold, job) });
    } catch (error) {
      // What does not fit beside others may fit alone.
      const isElsewhere = error instanceof NextBatch || isGdpfsError(error, 'body_too_large');
      if (isElsewhere && taken > 1) return { taken: taken - 1, planned };
      job.reject(asIndexError(error));
    }
  }
  return { taken, planned };
}

function runPlan(transaction: Transaction, fold: Fold, { plan, purpose }: Job): unknown {
  const { database } = transaction;
  // It looks at the root of the state, for which all that came before must be in the tables for good.
  if (purpose !== 'change') fold.settle(database);
  const mark = transaction.mark();
  database.exec('SAVEPOINT change');
  try {
    const result = plan(transaction);
    if (purpose === 'trial') takeBack();
    else database.exec('RELEASE change');
    return result;
  } catch (error) {
    takeBack();
    throw error;
  }

  function takeBack(): void {
    database.exec('ROLLBACK TO change; RELEASE change');
    transaction.rollback(mark);
  }
}
