import { isDeepStrictEqual } from 'node:util';
import { parentPort, Worker } from 'node:worker_threads';
import { assert } from '../base/errors.ts';
import { errorOfFault, type Fault, faultOf } from '../base/fault.ts';
import { siblingModule } from '../base/thread-pool.ts';

/**
 * Requests to a worker thread and their answers, in order. An answer moves its buffers instead of
 * copying them. The worker does the synchronous work on small files, which is much faster than
 * asynchronous work and would block the connections here.
 */
export interface TreeWorker<Request, Answer> extends AsyncDisposable {
  /** Throws what the worker threw. Several calls may wait; each answer belongs to one of them. */
  ask(request: Request, transfer?: readonly ArrayBuffer[]): Promise<Answer>;
}

type Reply<Answer> = { readonly answer: Answer } | { readonly fault: Fault };

/** A thread that was started before anybody asked for it: a start takes as long as that of a program. */
export interface EarlyThread {
  /** Of its module. */
  readonly name: string;
  readonly workerData: unknown;
  /** Does not keep the process alive. */
  readonly worker: Worker;
}

let early: EarlyThread | undefined;

/** Who is the first to ask for just this thread gets it. */
export function offerThread(thread: EarlyThread): void {
  early = thread;
}

/** `name` is that of a module in this folder. */
export function startTreeWorker<Request, Answer>(
  name: string,
  workerData: unknown,
): TreeWorker<Request, Answer> {
  const worker =
    takeEarly(name, workerData) ?? new Worker(siblingModule(import.meta.url, name), { workerData });
  const waiting: PromiseWithResolvers<Answer>[] = [];
  worker.on('message', (reply: Reply<Answer>) => {
    const first = waiting.shift();
    assert(first !== undefined, 'an answer belongs to a request');
    if ('answer' in reply) first.resolve(reply.answer);
    else first.reject(errorOfFault(reply.fault));
  });
  const fail = (error: Error): void => {
    for (const each of waiting.splice(0)) each.reject(error);
  };
  worker.on('error', fail);
  worker.on('exit', () => fail(new Error('the worker has ended')));
  return {
    ask: (request, transfer = []) => {
      const answer = Promise.withResolvers<Answer>();
      waiting.push(answer);
      worker.postMessage(request, transfer);
      return answer.promise;
    },
    [Symbol.asyncDispose]: async () => {
      await worker.terminate();
    },
  };
}

function takeEarly(name: string, workerData: unknown): Worker | undefined {
  const offered = early;
  const isAsked = offered?.name === name && isDeepStrictEqual(offered.workerData, workerData);
  if (!isAsked) return undefined;
  early = undefined;
  offered.worker.ref();
  return offered.worker;
}

/** Inside the worker: answers every request, one after the other. */
export function serveTreeWorker<Request, Answer>(
  work: (request: Request) => Promise<Answer>,
  buffersOf: (answer: Answer) => readonly ArrayBuffer[] = () => [],
): void {
  const port = parentPort;
  assert(port !== null, 'this runs in a worker');
  let last = Promise.resolve();
  port.on('message', (request: Request) => {
    last = last.then(async () => {
      let reply: Reply<Answer>;
      let buffers: readonly ArrayBuffer[] = [];
      try {
        const answer = await work(request);
        reply = { answer };
        buffers = buffersOf(answer);
      } catch (error) {
        reply = { fault: faultOf(error) };
      }
      port.postMessage(reply, buffers);
    });
  });
}
