import { decodeListing } from '../wire/listing.ts';
import type {
  Finished,
  ListedPage,
  LocalAnswer,
  LocalRequest,
  LocalWorkerData,
  Packed,
} from './local-requests.ts';
import { assert, isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { TreeItem, TreePages } from './sync/action.ts';
import { errorOfFault, startTreeWorker, type TreeWorker } from './tree-worker.ts';

/** Files of one tar stream, read and hashed. */
export interface PackedPart extends Packed {
  /**
   * The tar of them, undefined if nothing is left to send. `ways` says for each row how it travels
   * (`WAY`); all travel whole if it is absent. To be called once, or the memory is not freed.
   */
  readonly finish: (ways?: Uint8Array) => Promise<Uint8Array<ArrayBuffer> | undefined>;
}

interface Thread {
  readonly worker: TreeWorker<LocalRequest, LocalAnswer>;
  /** Parts that it has to pack. */
  waiting: number;
}

/**
 * Reads a local tree in threads: one lists it, and packs small files, with others that are started
 * where files are slow to read.
 */
export class LocalReader implements AsyncDisposable {
  readonly #data: LocalWorkerData;
  readonly #threads: Thread[] = [];
  /** Memory of tars that were sent. */
  readonly #memory: ArrayBuffer[] = [];
  #lastId = 0;
  /** Packing a part took long. */
  #isSlow = false;

  constructor(data: LocalWorkerData) {
    this.#data = data;
  }

  /**
   * Everything below the root, in listing order; one listing at a time. Throws if the root cannot be
   * read.
   */
  async *list(): TreePages {
    const { worker } = this.#thread(0);
    const ask = async (isFirst: boolean): Promise<ListedPage> =>
      answerOf('list', await worker.ask({ kind: 'list', isFirst }));
    for (let next = ask(true); ; ) {
      const page = await next;
      if (page.isLast) return yield itemsOf(page);
      next = ask(false);
      // It is awaited above, unless nobody wants it any more.
      next.catch(() => {});
      yield itemsOf(page);
    }
  }

  /** Reads and hashes the small files of `rows`, a listing. */
  async pack(rows: Uint8Array): Promise<PackedPart> {
    const thread = this.#idleThread();
    const { worker } = thread;
    this.#lastId += 1;
    const id = this.#lastId;
    const memory = this.#memory.pop();
    thread.waiting += 1;
    const ahead = thread.waiting;
    const startMs = performance.now();
    try {
      const request = { kind: 'pack', id, rows, memory } as const;
      const answer = await worker.ask(request, memory === undefined ? [] : [memory]);
      const finish: PackedPart['finish'] = async (ways) => {
        const { tar } = answerOf('finish', await worker.ask({ kind: 'finish', id, ways }));
        return tar;
      };
      return { ...answerOf('pack', answer), finish };
    } finally {
      thread.waiting -= 1;
      this.#isSlow ||= (performance.now() - startMs) / ahead > LIMITS.packMsSlow;
    }
  }

  /** A tar that is not needed any more: its memory is used for another. */
  recycle({ buffer }: Uint8Array<ArrayBuffer>): void {
    if (this.#memory.length < LIMITS.partsInFlight) this.#memory.push(buffer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#threads.map(({ worker }) => worker[Symbol.asyncDispose]()));
  }

  /** The one with the least to do; another one if all have something to do, and it takes long. */
  #idleThread(): Thread {
    const [least = this.#thread(0)] = this.#threads.toSorted(
      (left, right) => left.waiting - right.waiting,
    );
    const isMore = this.#isSlow && least.waiting > 0 && this.#threads.length < LIMITS.packThreads;
    return isMore ? this.#thread(this.#threads.length) : least;
  }

  #thread(index: number): Thread {
    const existing = this.#threads[index];
    if (existing !== undefined) return existing;
    const worker = startTreeWorker<LocalRequest, LocalAnswer>('local-worker', this.#data);
    const thread = { worker, waiting: 0 };
    this.#threads.push(thread);
    return thread;
  }
}

function itemsOf({ rows, faults }: ListedPage): TreeItem[] {
  const items: TreeItem[] = decodeListing(rows);
  for (const { index, relative, fault } of faults.toReversed()) {
    const error = errorOfFault(fault);
    if (!isGdpfsError(error)) throw error;
    items.splice(index, 0, { kind: 'fault', relative, error });
  }
  return items;
}

function answerOf<Kind extends LocalAnswer['kind']>(
  kind: Kind,
  answer: ListedPage | Packed | Finished,
): Extract<LocalAnswer, { kind: Kind }> {
  assert(answer.kind === kind, 'an answer is of the kind of its request');
  return answer as Extract<LocalAnswer, { kind: Kind }>;
}
