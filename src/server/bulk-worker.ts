import { parentPort } from 'node:worker_threads';
import { faultOf } from '../base/fault.ts';
import { foldBulk, type BulkJob } from './bulk-fold.ts';

/** Folds bodies with many entries, in shared memory, beside the thread that has the connections and the index. */
parentPort?.on('message', (job: BulkJob) => {
  try {
    const folded = foldBulk(job);
    const { heads, logs } = folded;
    // Those of a pack are in its body, which both threads have.
    const own = heads.buffer instanceof ArrayBuffer ? [heads.buffer] : [];
    parentPort?.postMessage(folded, [...own, logs.buffer]);
  } catch (error) {
    parentPort?.postMessage({ fault: faultOf(error) });
  }
});
