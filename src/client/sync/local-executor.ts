import { EMPTY_BYTES } from '../../base/bytes.ts';
import { formatDigest } from '../../base/digest.ts';
import { assert, GdpfsError } from '../../base/errors.ts';
import { errorOfFault } from '../../base/fault.ts';
import { LIMITS } from '../../base/limits.ts';
import { ChosenFiles } from '../chosen-files.ts';
import { concurrently } from '../concurrently.ts';
import { downloadFile } from '../download.ts';
import { isFaultOfOne } from '../fault-scope.ts';
import type { StatOptions } from '../files.ts';
import type { LocalAttributes } from '../local-attributes.ts';
import { quote } from '../local-error.ts';
import type { LocalWriter } from '../local-writer.ts';
import { compareMd5 } from '../md5.ts';
import type { Session } from '../session.ts';
import type { Tally } from '../tally.ts';
import type { TransferOptions } from '../transfer-options.ts';
import { OUTCOME, type Outcomes, STEP, type WriteRequest } from '../write-requests.ts';
import { ListingWriter } from '../../wire/listing.ts';
import type { Action, ActionPages, TreeEntry } from './action.ts';
import {
  type Batch,
  type ClosedDirectory,
  isSmallFile,
  receiveBatches,
} from './receive-batches.ts';

export interface LocalExecutorOptions extends StatOptions {
  /** `/<volume>/<path>` of the directory that the actions' entries are below. */
  readonly path: string;
  /** The state that they are of: a seq. */
  readonly at: string;
  /** Local directory that exists and gets them. */
  readonly target: string;
  /** Not opened yet. */
  readonly writer: LocalWriter;
  /** Mode and time for `target` itself; without them it gets what the writing makes of it. */
  readonly root?: LocalAttributes | undefined;
  /** Of directories below `target` that were there, and to which the plan has come: `LocalReader.partsIn`. */
  readonly partsIn?: (() => ReadonlySet<string> | undefined) | undefined;
  readonly tally: Tally;
  readonly transfer: TransferOptions;
}

/**
 * Does the actions of a plan in a local directory: small files come in tar streams, several at once,
 * larger ones chunk by chunk, every one checked against its ETag. Failures of single names go to the
 * tally. Throws what ends it all; files that were written until then are whole.
 */
export async function executeLocally(
  session: Session,
  actions: ActionPages,
  options: LocalExecutorOptions,
): Promise<void> {
  const execution = new LocalExecution(session, options);
  const isIdle = (index: number): boolean => execution.isIdle(index);
  const batches = execution.inReach(receiveBatches(actions, isIdle));
  // More than are fetched: the thread does something for each before there is room for it, and behind it.
  await concurrently(batches, LIMITS.receivedPartsInFlight, (batch) => execution.run(batch));
  await execution.finishRoot();
  options.tally.report();
}

/** A file that is to be fetched. Its directory exists. */
interface Pending {
  readonly entry: TreeEntry;
  /** Its index among what the thread was told of the batch. */
  readonly row: number;
}

class LocalExecution {
  readonly #session: Session;
  readonly #options: LocalExecutorOptions;
  readonly #files: ChosenFiles;
  /** Batches that are done while one before them is not. */
  readonly #done = new Map<number, readonly ClosedDirectory[]>();
  /** All batches before this one are done. */
  #low = 0;
  /** The thread knows where to work. */
  readonly #opened: Promise<Outcomes>;
  #advanced = Promise.withResolvers<void>();

  constructor(session: Session, options: LocalExecutorOptions) {
    this.#session = session;
    this.#options = options;
    this.#files = new ChosenFiles(session, options);
    const { target, transfer, writer } = options;
    this.#opened = writer.ask({ kind: 'open', target, unsafeLinks: transfer.unsafeLinks === true });
    // It is awaited with each other request.
    this.#opened.catch(() => {});
  }

  /** Are all batches before this one done? */
  isIdle(index: number): boolean {
    return this.#low === index;
  }

  /** The same batches, none too far ahead of one that takes long. */
  async *inReach(batches: AsyncIterable<Batch>): AsyncGenerator<Batch, void, void> {
    const { tally } = this.#options;
    for await (const batch of batches) {
      for (const action of batch.actions) {
        if (action.kind === 'file') tally.expect({ files: 1, bytes: action.entry.size });
      }
      while (batch.index - this.#low >= LIMITS.receivedBatchesAhead) await this.#advanced.promise;
      yield batch;
    }
    tally.planComplete();
  }

  async run(batch: Batch): Promise<void> {
    const actions = batch.actions.filter((action) => this.#isPossible(action));
    const partsIn = this.#options.partsIn?.();
    const steps = this.#ask({ kind: 'steps', batch: batch.index, ...stepsOf(actions), partsIn });
    // What certainly is to be fetched need not wait for the thread.
    const ahead = this.#isAllNew(actions) ? filesOf(actions).filter(isSmall) : [];
    const [outcomes, left] = await Promise.all([steps, this.#receiveSmall(batch, ahead, steps)]);
    const isAhead = new Set(ahead.map(({ row }) => row));
    const small: Pending[] = [];
    const large = [...left];
    for (const [row, action] of actions.entries()) {
      const { entry } = action;
      const code = outcomes.codes[row];
      if (code === OUTCOME.fault) this.#failRow(entry, outcomes, row);
      else if (!isPending(code)) this.#count(action);
      else if (!isAhead.has(row)) {
        // What is alike but not the same may have other chunks: those are compared one by one.
        const isAlone = code === OUTCOME.pendingAlike || this.#options.transfer.md5 === true;
        if (isSmallFile(entry) && !isAlone) small.push({ entry, row });
        else large.push(entry);
      }
    }
    large.push(...(await this.#receiveSmall(batch, small, steps)));
    await concurrently(large, LIMITS.largeFilesInFlight, (each) => this.#download(each));
    await this.#close(batch);
  }

  async finishRoot(): Promise<void> {
    const { root } = this.#options;
    if (root === undefined) return;
    await this.#finish([], [{ relative: '', attributes: root }]);
  }

  /** What the thread answers to a request after the first. */
  async #ask(request: WriteRequest): Promise<Outcomes> {
    const answer = this.#options.writer.ask(request);
    // If the first has failed, that is why.
    answer.catch(() => {});
    await this.#opened;
    return await answer;
  }

  #isAllNew(actions: readonly Action[]): boolean {
    if (this.#options.transfer.md5 === true) return false;
    return actions.every((action) => action.kind !== 'file' || !mayBeThere(action));
  }

  #isPossible(action: Action): boolean {
    const { entry } = action;
    const path = this.#localPath(entry.relative);
    // A listing has no row without a path, and so there is none that the thread could refuse.
    if (entry.relative === '') {
      const state = 'it is the whole tree, need a path in it';
      const error = new GdpfsError('bad_request', `cannot change ${quote(path)}: ${state}`);
      this.#options.tally.fail({ path, error });
      return false;
    }
    if (action.kind !== 'conflict') return true;
    const { existing } = action;
    const error = new GdpfsError(
      existing.kind === 'directory' ? 'is_a_directory' : 'not_a_directory',
      `cannot replace ${quote(path)}: it is a ${existing.kind}, need a ${entry.kind}`,
    );
    this.#options.tally.fail({ path, error });
    return false;
  }

  /** Counts what needs nothing more. */
  #count(action: Action): void {
    const { tally } = this.#options;
    const { relative, size } = action.entry;
    const path = this.#localPath(relative);
    switch (action.kind) {
      case 'file':
        this.#fileDone(path, { size, bytesSent: 0, bytesReused: size });
        break;
      case 'directory':
        tally.directories += 1;
        break;
      case 'symlink':
        tally.links += 1;
        break;
      case 'remove':
        tally.removed += action.count;
        break;
      case 'attributes':
      case 'conflict':
        break;
    }
    if (action.kind !== 'file') this.#changed(action, path);
  }

  #changed({ kind }: Action, path: string): void {
    const { observer } = this.#options.tally;
    if (kind === 'file' || kind === 'conflict') return;
    observer.change?.({ kind: kind === 'symlink' ? 'link' : kind, path });
  }

  #fileDone(
    path: string,
    done: { readonly size: number; readonly bytesSent: number; readonly bytesReused: number },
  ): void {
    const { tally } = this.#options;
    tally.addBytes(done.size);
    tally.fileDone({ path, ...done });
  }

  #failRow({ relative }: TreeEntry, { faults }: Outcomes, row: number): void {
    const fault = faults.get(row);
    assert(fault !== undefined, 'it is said what failed');
    this.#fail(this.#localPath(relative), errorOfFault(fault));
  }

  /** Throws what ends it all. */
  #fail(path: string, error: unknown): void {
    if (!isFaultOfOne(error)) throw error;
    this.#options.tally.fail({ path, error });
  }

  /**
   * Fetches and writes small files, those that `steps` leaves pending. Returns those that must come
   * another way.
   */
  async #receiveSmall(
    batch: Batch,
    small: readonly Pending[],
    steps: Promise<Outcomes>,
  ): Promise<readonly TreeEntry[]> {
    if (small.length === 0) return [];
    const relatives = small.map(({ entry }) => entry.relative);
    const left = await this.#files.with(relatives, async (pack) => {
      if (pack === undefined) return undefined;
      const rows = Uint32Array.from(small, ({ row }) => row);
      const outcomes = await this.#ask({ kind: 'files', batch: batch.index, rows, pack });
      const { codes } = await steps;
      return small.filter(
        ({ entry, row }, index) => isPending(codes[row]) && this.#isLeft(entry, outcomes, index),
      );
    });
    if (left !== undefined) return left.map(({ entry }) => entry);
    if (small.length === 1) {
      const { codes } = await steps;
      return small.flatMap(({ entry, row }) => (isPending(codes[row]) ? [entry] : []));
    }
    // One of them cannot be had: the others can.
    const middle = Math.ceil(small.length / 2);
    return [
      ...(await this.#receiveSmall(batch, small.slice(0, middle), steps)),
      ...(await this.#receiveSmall(batch, small.slice(middle), steps)),
    ];
  }

  /** Counts what was done with a file of a pack; true if nothing was. */
  #isLeft(entry: TreeEntry, outcomes: Outcomes, index: number): boolean {
    const { relative, size } = entry;
    const code = outcomes.codes[index];
    if (code === OUTCOME.pending) return true;
    if (code === OUTCOME.fault) this.#failRow(entry, outcomes, index);
    else this.#fileDone(this.#localPath(relative), { size, bytesSent: size, bytesReused: 0 });
    return false;
  }

  async #download({ relative, size, mode, mtimeUs, content }: TreeEntry): Promise<void> {
    const { tally, transfer, signal, path: root, at } = this.#options;
    const path = `${root}/${relative}`;
    const target = this.#localPath(relative);
    const wanted = { size, mode, mtimeUs, etag: formatDigest(content ?? EMPTY_BYTES) };
    const moving = tally.beginFile();
    try {
      const result = await downloadFile(this.#session, {
        path,
        target,
        version: { ...wanted, path, at },
        transfer,
        onProgress: moving.onProgress,
        signal,
      });
      const { etag, bytesReceived, bytesReused } = result;
      const copies = { local: target, path, at, etag, signal };
      const md5 = await compareMd5(this.#session, transfer, copies);
      const bytes = { size: result.size, bytesSent: bytesReceived, bytesReused };
      moving.done({ path: target, ...bytes, md5 });
    } catch (error) {
      if (!isFaultOfOne(error)) throw error;
      moving.failed();
      tally.fail({ path, error });
    }
  }

  /** The batch is done: so are the directories that waited for it, if all before it are. */
  async #close({ index, closed }: Batch): Promise<void> {
    this.#done.set(index, closed);
    const complete: ClosedDirectory[] = [];
    const batches: number[] = [];
    for (;;) {
      const next = this.#done.get(this.#low);
      if (next === undefined) break;
      this.#done.delete(this.#low);
      batches.push(this.#low);
      this.#low += 1;
      complete.push(...next);
    }
    this.#advanced.resolve();
    this.#advanced = Promise.withResolvers<void>();
    await this.#finish(batches, complete);
  }

  async #finish(
    batches: readonly number[],
    directories: readonly ClosedDirectory[],
  ): Promise<void> {
    if (batches.length === 0 && directories.length === 0) return;
    const request = { kind: 'finish', batches, directories } as const;
    const { faults } = await this.#ask(request);
    for (const [index, fault] of faults) {
      this.#fail(this.#localPath(directories[index]?.relative ?? ''), errorOfFault(fault));
    }
  }

  #localPath(relative: string): string {
    return `${this.#options.target}/${relative}`;
  }
}

function filesOf(actions: readonly Action[]): Pending[] {
  return actions.flatMap(({ kind, entry }, row) => (kind === 'file' ? [{ entry, row }] : []));
}

function isSmall({ entry }: Pending): boolean {
  return isSmallFile(entry);
}

/** Is it a file that must be fetched? */
function isPending(code: number | undefined): boolean {
  return code === OUTCOME.pending || code === OUTCOME.pendingAlike;
}

/** What the thread is told of actions. */
function stepsOf(actions: readonly Action[]): {
  readonly rows: Uint8Array<ArrayBuffer>;
  readonly steps: Uint8Array<ArrayBuffer>;
} {
  const writer = new ListingWriter();
  for (const { entry } of actions) writer.add(entry);
  return { rows: writer.finish(), steps: Uint8Array.from(actions, stepOf) };
}

function stepOf(action: Action): number {
  switch (action.kind) {
    case 'file':
      return mayBeThere(action) ? STEP.fileUnlessThere : STEP.file;
    case 'symlink':
    case 'remove':
    case 'directory':
    case 'attributes':
      return STEP[action.kind];
    case 'conflict':
      throw new Error('bug: a conflict cannot be done');
  }
}

/** A plan that does not know what is at the destination says that it is unsure. */
function mayBeThere({ entry, existing, reason }: Action & { readonly kind: 'file' }): boolean {
  if (existing === undefined) return reason === 'unsure';
  return existing.kind === 'file' && existing.size === entry.size;
}
