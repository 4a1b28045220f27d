import { hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** Answers each view of shared memory with the SHA-256 of its bytes, in order. */
parentPort?.on('message', (bytes: Uint8Array) => {
  parentPort?.postMessage(hash('sha256', bytes, 'buffer'));
});
