import { parentPort } from 'node:worker_threads';
import { faultOf } from '../../base/fault.ts';
import { fill, type FillJob } from './fill-job.ts';

/** Answers each job with what was filled, or why not, in order. */
parentPort?.on('message', (job: FillJob) => {
  let answer: unknown;
  try {
    answer = { filled: fill(job) };
  } catch (error) {
    answer = { fault: faultOf(error) };
  }
  parentPort?.postMessage(answer);
});
