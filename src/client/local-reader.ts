import { decodeListing, ListingWriter } from '../wire/listing.ts';
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
import { PartsAhead } from './parts-ahead.ts';
import type { TreeEntry, TreeItem, TreePages } from './sync/action.ts';
import { startTreeWorker, type TreeWorker } from './tree-worker.ts';

/** Entries of one pack, its files read and hashed. */
export interface PackedPart extends Omit<Packed, 'kind' | 'pack' | 'rows'> {
  /** As they are now. */
  readonly entries: readonly TreeEntry[];
  /**
   * The pack of them, undefined if nothing is left to send. `ways` says for each row how it travels
   * (`WAY`); all travel whole if it is absent. To be called once.
   */
  readonly finish: (ways?: Uint8Array) => Promise<Uint8Array | undefined>;
}

interface Thread {
  readonly worker: TreeWorker<LocalRequest, LocalAnswer>;
  /** What it was asked and has not answered. */
  waiting: number;
  /** When it gave its last answer; undefined while it starts. */
  answeredMs: number | undefined;
}

/**
 * Reads a local tree in threads: one lists it, and packs small files, with others that are started
 * where files are slow to read.
 */
export class LocalReader implements AsyncDisposable {
  /** What the next thread is told. */
  #data: LocalWorkerData;
  readonly #threads: Thread[] = [];
  /** Of threads that were told to end. */
  readonly #ends: PromiseLike<void>[] = [];
  /** Memory of packs that were sent. */
  readonly #memory: ArrayBufferLike[] = [];
  /** Packing a part took long. */
  #isSlow = false;
  #partsIn: Set<string> | undefined;
  /** What is listed is packed at once. */
  #packsAhead: boolean;
  readonly #ahead = new PartsAhead();
  #isListed = false;
  /** Something was listed that was not packed with it. */
  #leavesPacking = false;
  /** Parts whose pack nobody has asked for yet. */
  #unfinished = 0;

  constructor(data: LocalWorkerData) {
    this.#data = data;
    this.#packsAhead = data.packsAhead === true;
  }

  /**
   * Everything below the root, in listing order; one listing at a time. Throws if the root cannot be
   * read.
   */
  list(): TreePages {
    this.#partsIn = new Set();
    return pagesFrom((isFirst) => this.#listPage(isFirst));
  }

  /**
   * Directories, relative, in which unfinished downloads have left something, of those whose content was
   * listed. Undefined without a listing, and if there are many.
   */
  get partsIn(): ReadonlySet<string> | undefined {
    return this.#partsIn;
  }

  /** Reads and hashes the small files of `entries`. A file's content root is what it may have. */
  async pack(entries: readonly TreeEntry[]): Promise<PackedPart> {
    const ahead = this.#ahead.take(entries);
    if (ahead !== undefined) return this.#partOf(entries, ahead);
    const thread = this.#idleThread();
    const memory = this.#memory.pop();
    const request = { kind: 'pack', rows: listingOf(entries), memory } as const;
    return this.#partOf(entries, answerOf('pack', await this.#ask(thread, request)));
  }

  /** A pack that is not needed any more: its memory is used for another. */
  recycle({ buffer }: Uint8Array): void {
    if (this.#memory.length < LIMITS.partsInFlight) this.#memory.push(buffer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#endThreads();
    await Promise.all(this.#ends);
  }

  #endThreads(): void {
    for (const { worker } of this.#threads.splice(0))
      this.#ends.push(worker[Symbol.asyncDispose]());
  }

  /**
   * To end a thread takes some milliseconds: it ends while what it has packed travels, if that was the
   * whole tree. Who asks for more gets another.
   */
  #endIfDone(): void {
    const isWhole = this.#isListed && !this.#leavesPacking && this.#ahead.isEmpty;
    const isIdle = this.#unfinished === 0 && this.#threads.every(({ waiting }) => waiting === 0);
    if (isWhole && isIdle) this.#endThreads();
  }

  async #listPage(isFirst: boolean): Promise<Listed> {
    const packs = this.#packsAhead;
    const memory = packs ? this.#memory.pop() : undefined;
    const request = { kind: 'list', isFirst, packs, memory } as const;
    const thread = this.#thread(0);
    const answer = await this.#ask(thread, request);
    const { isLast, packed, partsIn, ...page } = answerOf('list', answer);
    for (const directory of partsIn) this.#partsIn?.add(directory);
    if ((this.#partsIn?.size ?? 0) > LIMITS.partDirectoriesMax) this.#partsIn = undefined;
    const items = itemsOf(page);
    const isAhead = packs ? this.#ahead.add(items, packed) : items.length === 0;
    this.#leavesPacking ||= !isAhead;
    this.#packsAhead &&= isAhead && !this.#isSlow;
    this.#isListed = isLast;
    this.#endIfDone();
    return { items, isLast };
  }

  async #ask(thread: Thread, request: LocalRequest): Promise<LocalAnswer> {
    thread.waiting += 1;
    const askedMs = performance.now();
    try {
      return await thread.worker.ask(request);
    } finally {
      thread.waiting -= 1;
      const { answeredMs = Infinity } = thread;
      thread.answeredMs = performance.now();
      const packs = request.kind === 'pack' || (request.kind === 'list' && request.packs);
      // It does one thing after the other. What it was first asked waits for its start.
      const tookMs = thread.answeredMs - Math.max(askedMs, answeredMs);
      if (packs) this.#isSlow ||= tookMs > LIMITS.packMsSlow;
    }
  }

  #partOf(asked: readonly TreeEntry[], packed: Packed): PackedPart {
    const { rows, digests, isSame, places, faults } = packed;
    const entries = rows === undefined ? asked : decodeListing(rows);
    this.#unfinished += 1;
    const finish: PackedPart['finish'] = async (ways) => {
      try {
        return await this.#finish(asked, packed, ways);
      } finally {
        this.#unfinished -= 1;
        this.#endIfDone();
      }
    };
    return { entries, digests, isSame, places, faults, finish };
  }

  async #finish(
    asked: readonly TreeEntry[],
    { pack, rows, digests, places, faults }: Packed,
    ways: Uint8Array | undefined,
  ): Promise<Uint8Array | undefined> {
    const count = places.length - faults.length;
    if (count === 0) return undefined;
    if (ways === undefined || ways.reduce(countWhole, 0) === count) return pack;
    const about = { rows: rows ?? listingOf(asked), digests, places, ways } as const;
    const repacked = await this.#ask(this.#idleThread(), { kind: 'repack', pack, ...about });
    this.recycle(pack);
    return answerOf('repack', repacked).pack;
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
    const { root, rules } = this.#data;
    // The others begin with nothing by themselves.
    this.#data = { root, rules };
    const thread: Thread = { worker, waiting: 0, answeredMs: undefined };
    this.#threads.push(thread);
    return thread;
  }
}

interface Listed {
  readonly items: readonly TreeItem[];
  readonly isLast: boolean;
}

/** Asks at once for the first pages, and for another one with each that is used. */
function pagesFrom(ask: (isFirst: boolean) => Promise<Listed>): TreePages {
  const asked: Promise<Listed>[] = [];
  const askNext = (isFirst: boolean): void => {
    const page = ask(isFirst);
    // It is awaited below, like the others, unless nobody wants it any more.
    page.catch(() => {});
    asked.push(page);
  };
  askNext(true);
  while (asked.length < LIMITS.walkPagesAhead) askNext(false);
  return (async function* pages(): TreePages {
    for (let next = asked.shift(); next !== undefined; next = asked.shift()) {
      const { items, isLast } = await next;
      if (isLast) return yield items;
      askNext(false);
      yield items;
    }
  })();
}

function listingOf(entries: readonly TreeEntry[]): Uint8Array {
  const writer = new ListingWriter();
  for (const entry of entries) writer.add(entry);
  return writer.finish();
}

function countWhole(count: number, way: number): number {
  return way === WAY.whole ? count + 1 : count;
}

function itemsOf({ rows, faults }: Pick<ListedPage, 'rows' | 'faults'>): TreeItem[] {
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
