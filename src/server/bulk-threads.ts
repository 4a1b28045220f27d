import { errorOfFault, type Fault } from '../base/fault.ts';
import { siblingModule, ThreadPool } from '../base/thread-pool.ts';
import { type BulkJob, type FoldedBulk, foldBulk } from './bulk-fold.ts';

export type BulkAnswer = FoldedBulk | { readonly fault: Fault };

const threads = new ThreadPool<BulkJob, BulkAnswer>(siblingModule(import.meta.url, 'bulk-worker'));

/**
 * `foldBulk`, on another thread if the body lies in memory that both see. It must not change until this
 * resolves.
 */
export async function foldBulkAside(job: BulkJob): Promise<FoldedBulk> {
  if (!(job.body.buffer instanceof SharedArrayBuffer)) return foldBulk(job);
  const answer = await threads.run(job);
  if ('fault' in answer) throw errorOfFault(answer.fault);
  return answer;
}
