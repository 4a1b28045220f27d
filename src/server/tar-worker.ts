import { parentPort } from 'node:worker_threads';
import { faultOf } from '../base/fault.ts';
import { foldTar, type TarJob } from './tar-fold.ts';

/** Folds tar bodies in shared memory, beside the thread that has the connections and the index. */
parentPort?.on('message', (job: TarJob) => {
  try {
    const folded = foldTar(job);
    parentPort?.postMessage(folded, [folded.heads.buffer, folded.logs.buffer]);
  } catch (error) {
    parentPort?.postMessage({ fault: faultOf(error) });
  }
});
