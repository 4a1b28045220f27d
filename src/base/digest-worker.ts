import { hash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';

/** Answers views of shared memory with the SHA-256 of each, one behind the other. */
parentPort?.on('message', (views: readonly Uint8Array[]) => {
  parentPort?.postMessage(Buffer.concat(views.map((bytes) => hash('sha256', bytes, 'buffer'))));
});
