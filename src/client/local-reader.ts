import { decodeListing } from '../wire/listing.ts';
import {
  type ListedPage,
  type LocalAnswer,
  type LocalRequest,
  type LocalWorkerData,
  type Packed,
  WAY,
} from './local-requests.ts';
import { assert, isGdpfsError } from '../base/errors.ts';
import { errorOfFault } from '../base/fault.ts';
import { LIMITS } from '../base/limits.ts';
import type { TreeItem, TreePages } from './sync/action.ts';
import { startTreeWorker, type TreeWorker } from './tree-worker.ts';

/** Files of one pack, read and hashed. */
export interface PackedPart extends Omit<Packed, 'pack' | 'rows'> {
  /** A listing: the rows as they are now. */
  readonly rows: Uint8Array;
  /** That is how they were asked for. */
  readonly isAsListed: boolean;
  /**
   * The pack of them, undefined if nothing is left to send. `ways` says for each row how it travels
   * (`WAY`); all travel whole if it is absent. To be called once.
   */
  readonly finish: (ways?: Uint8Array) => Promise<Uint8Array | undefined>;
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
  /** Memory of packs that were sent. */
  readonly #memory: ArrayBufferLike[] = [];
  /** Packing a part took long. */
  #isSlow = false;

  constructor(data: LocalWorkerData) {
    this.#data = data;
  }

  /**
   * Everything below the root, in listing order; one listing at a time. Throws if the root cannot be
   * read.
   */
  list(): TreePages {
    const { worker } = this.#thread(0);
    return pagesFrom(async (isFirst) =>
      answerOf('list', await worker.ask({ kind: 'list', isFirst })),
    );
  }

  /** Reads and hashes the small files of `rows`, a listing. */
  async pack(rows: Uint8Array): Promise<PackedPart> {
    const thread = this.#idleThread();
    const { worker } = thread;
    const memory = this.#memory.pop();
    thread.waiting += 1;
    const ahead = thread.waiting;
    const startMs = performance.now();
    try {
      const request = { kind: 'pack', rows, memory } as const;
      const answer = await worker.ask(request);
      const { pack, rows: changed, ...packed } = answerOf('pack', answer);
      const { digests, places } = packed;
      const now = changed ?? rows;
      const finish: PackedPart['finish'] = async (ways) => {
        const count = places.length - packed.faults.length;
        if (count === 0) return undefined;
        if (ways === undefined || ways.reduce(countWhole, 0) === count) return pack;
        const about = { rows: now, digests, places, ways } as const;
        const repacked = await worker.ask({ kind: 'repack', pack, ...about });
        this.recycle(pack);
        return answerOf('repack', repacked).pack;
      };
      return { ...packed, rows: now, isAsListed: changed === undefined, finish };
    } finally {
      thread.waiting -= 1;
      this.#isSlow ||= (performance.now() - startMs) / ahead > LIMITS.packMsSlow;
    }
  }

  /** A pack that is not needed any more: its memory is used for another. */
  recycle({ buffer }: Uint8Array): void {
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

/** Asks at once for the first page, and for each next one while its predecessor is used. */
function pagesFrom(ask: (isFirst: boolean) => Promise<ListedPage>): TreePages {
  const first = ask(true);
  // It is awaited below, like the others, unless nobody wants it any more.
  first.catch(() => {});
  return (async function* pages(): TreePages {
    for (let next = first; ; ) {
      const page = await next;
      if (page.isLast) return yield itemsOf(page);
      next = ask(false);
      next.catch(() => {});
      yield itemsOf(page);
    }
  })();
}

function countWhole(count: number, way: number): number {
  return way === WAY.whole ? count + 1 : count;
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
  answer: LocalAnswer,
): Extract<LocalAnswer, { kind: Kind }> {
  assert(answer.kind === kind, 'an answer is of the kind of its request');
  return answer as Extract<LocalAnswer, { kind: Kind }>;
}
