import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

/** More threads than this would only wait for memory. */
const THREADS_MAX = 4;

type Answer = PromiseWithResolvers<Uint8Array>;

interface Thread {
  readonly worker: Worker;
  readonly waiting: Answer[];
}

/** Started when first needed; they do not keep the process alive. */
const threads: Thread[] = [];

/** SHA-256 of shared memory on another thread: nothing is copied, one message goes each way. */
export async function sha256OnThread(bytes: Uint8Array): Promise<Uint8Array> {
  const thread = leastBusy();
  const answer = Promise.withResolvers<Uint8Array>();
  if (thread.waiting.push(answer) === 1) thread.worker.ref();
  thread.worker.postMessage(bytes);
  return await answer.promise;
}

function leastBusy(): Thread {
  const idle = threads.find(({ waiting }) => waiting.length === 0);
  if (idle !== undefined) return idle;
  // One core is for the thread that asks.
  const countMax = Math.max(1, Math.min(THREADS_MAX, availableParallelism() - 1));
  if (threads.length < countMax) return startThread();
  return threads.reduce((best, each) => {
    return each.waiting.length < best.waiting.length ? each : best;
  });
}

function startThread(): Thread {
  // The same file, from source or as it was built.
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  const worker = new Worker(new URL(`./digest-worker.${extension}`, import.meta.url));
  const thread: Thread = { worker, waiting: [] };
  worker.unref();
  worker.on('message', (digest: Uint8Array) => {
    thread.waiting.shift()?.resolve(new Uint8Array(digest));
    if (thread.waiting.length === 0) worker.unref();
  });
  const fail = (error: Error): void => {
    const index = threads.indexOf(thread);
    if (index >= 0) threads.splice(index, 1);
    for (const answer of thread.waiting.splice(0)) answer.reject(error);
  };
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('a thread for digests has ended')));
  threads.push(thread);
  return thread;
}
