import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

/** More threads than this would only wait for memory. */
const THREADS_MAX = 4;

/** Threads that one pool starts at most: one core is for the thread that asks. */
export const POOL_THREADS_MAX = Math.max(1, Math.min(THREADS_MAX, availableParallelism() - 1));

interface Thread<Answer> {
  readonly worker: Worker;
  readonly waiting: PromiseWithResolvers<Answer>[];
}

/**
 * Threads that run one module, which answers every message with one, in order. They are started
 * when they are needed and do not keep the process alive. Shared memory crosses without a copy.
 */
export class ThreadPool<Job, Answer> {
  readonly #module: URL;
  readonly #threads: Thread<Answer>[] = [];

  constructor(module: URL) {
    this.#module = module;
  }

  /** Rejects if the thread ends before it has answered. */
  async run(job: Job): Promise<Answer> {
    const thread = this.#leastBusy();
    const answer = Promise.withResolvers<Answer>();
    if (thread.waiting.push(answer) === 1) thread.worker.ref();
    thread.worker.postMessage(job);
    return await answer.promise;
  }

  #leastBusy(): Thread<Answer> {
    const idle = this.#threads.find(({ waiting }) => waiting.length === 0);
    if (idle !== undefined) return idle;
    if (this.#threads.length < POOL_THREADS_MAX) return this.#start();
    return this.#threads.reduce((best, each) => {
      return each.waiting.length < best.waiting.length ? each : best;
    });
  }

  #start(): Thread<Answer> {
    const worker = new Worker(this.#module);
    const thread: Thread<Answer> = { worker, waiting: [] };
    worker.unref();
    worker.on('message', (answer: Answer) => {
      thread.waiting.shift()?.resolve(answer);
      if (thread.waiting.length === 0) worker.unref();
    });
    const fail = (error: Error): void => {
      const index = this.#threads.indexOf(thread);
      if (index >= 0) this.#threads.splice(index, 1);
      for (const answer of thread.waiting.splice(0)) answer.reject(error);
    };
    worker.on('error', fail);
    worker.on('exit', () => fail(new Error('a worker thread has ended')));
    this.#threads.push(thread);
    return thread;
  }
}

/** A module beside the one that `meta` is of: the same file, from source or as it was built. */
export function siblingModule(meta: ImportMeta, name: string): URL {
  const extension = meta.url.endsWith('.ts') ? 'ts' : 'js';
  return new URL(`./${name}.${extension}`, meta.url);
}
