import type { Outcome, WriteRequest } from './download-worker.ts';
import { startTreeWorker, type TreeWorker } from './tree-worker.ts';

/** A thread that does in a local directory what a received tree needs. The first request is `open`. */
export type LocalWriter = TreeWorker<WriteRequest, readonly Outcome[]>;

/** It takes as long to start as a few questions to the server take. */
export function startLocalWriter(): LocalWriter {
  return startTreeWorker('download-worker', undefined);
}
