import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';

/** More threads than this would only wait for memory. */
const THREADS_MAX = 4;

/** Threads that one pool starts at most: one core is for the thread that asks. */
export const POOL_THREADS_MAX = Math.max(1, Math.min(THREADS_MAX, availableParallelism() - 1));

/** Answers jobs one after the other, beside the event loop. */
export interface Thread<Job, Answer> {
  /** Rejects if the thread ends before it has answered. */
  run(job: Job): Promise<Answer>;
}

/**
 * Threads that run one module, which answers every message with one, in order. They are started
 * when they are needed and do not keep the process alive. Shared memory crosses without a copy.
 */
export class ThreadPool<Job, Answer> implements Thread<Job, Answer> {
  readonly #module: URL;
  readonly #threads: PoolThread<Job, Answer>[] = [];

  constructor(module: URL) {
    this.#module = module;
  }

  async run(job: Job): Promise<Answer> {
    return await this.leastBusy().run(job);
  }

  /** For jobs that must meet in one thread. */
  leastBusy(): Thread<Job, Answer> {
    const idle = this.#threads.find(({ load }) => load === 0);
    if (idle !== undefined) return idle;
    if (this.#threads.length < POOL_THREADS_MAX) return this.#start();
    return this.#threads.reduce((best, each) => (each.load < best.load ? each : best));
  }

  #start(): Thread<Job, Answer> {
    const thread = new PoolThread<Job, Answer>(this.#module, () => {
      const index = this.#threads.indexOf(thread);
      if (index >= 0) this.#threads.splice(index, 1);
    });
    this.#threads.push(thread);
    return thread;
  }
}

class PoolThread<Job, Answer> implements Thread<Job, Answer> {
  readonly #worker: Worker;
  readonly #waiting: PromiseWithResolvers<Answer>[] = [];
  #end: Error | undefined;

  constructor(module: URL, onEnd: () => void) {
    this.#worker = new Worker(module);
    this.#worker.on('message', (answer: Answer) => {
      this.#waiting.shift()?.resolve(answer);
      if (this.#waiting.length === 0) this.#worker.unref();
    });
    const fail = (error: Error): void => {
      this.#end ??= error;
      onEnd();
      for (const answer of this.#waiting.splice(0)) answer.reject(error);
    };
    this.#worker.on('error', fail);
    this.#worker.on('exit', () => fail(new Error('a worker thread has ended')));
    // Without work it keeps no process running. Not before: who listens for messages is taken to wait for one.
    this.#worker.unref();
  }

  /** Jobs that are not done yet. */
  get load(): number {
    return this.#waiting.length;
  }

  async run(job: Job): Promise<Answer> {
    if (this.#end !== undefined) throw this.#end;
    const answer = Promise.withResolvers<Answer>();
    if (this.#waiting.push(answer) === 1) this.#worker.ref();
    this.#worker.postMessage(job);
    return await answer.promise;
  }
}

/** A module beside the one at `url`: the same kind of file, from source or as it was built. */
export function siblingModule(url: string, name: string): URL {
  return new URL(`./${name}${url.slice(url.lastIndexOf('.'))}`, url);
}
