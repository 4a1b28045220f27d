import { startTreeWorker, type TreeWorker } from './tree-worker.ts';
import type { Outcomes, WriteRequest } from './write-requests.ts';

/** A thread that does in a local directory what a received tree needs. The first request is `open`. */
export type LocalWriter = TreeWorker<WriteRequest, Outcomes>;

/** It takes as long to start as a few questions to the server take. */
export function startLocalWriter(): LocalWriter {
  return startTreeWorker('download-worker', undefined);
}
