import { EMPTY_BYTES } from '../../base/bytes.ts';
import { formatDigest } from '../../base/digest.ts';
import { assert, GdpfsError } from '../../base/errors.ts';
import { errorOfFault } from '../../base/fault.ts';
import { LIMITS } from '../../base/limits.ts';
import { ChosenFiles } from '../chosen-files.ts';
import { concurrently } from '../concurrently.ts';
import { downloadFile } from '../download.ts';
import type { Outcome, Step, WantedFile } from '../download-worker.ts';
import { isFaultOfOne } from '../fault-scope.ts';
import type { StatOptions } from '../files.ts';
import type { LocalAttributes } from '../local-attributes.ts';
import { quote } from '../local-error.ts';
import type { LocalWriter } from '../local-writer.ts';
import { compareMd5 } from '../md5.ts';
import type { Session } from '../session.ts';
import type { Tally } from '../tally.ts';
import type { TransferOptions } from '../transfer-options.ts';
import type { Action, ActionPages } from './action.ts';
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
  const { target, transfer, tally, writer } = options;
  await writer.ask({ kind: 'open', target, unsafeLinks: transfer.unsafeLinks === true });
  const execution = new LocalExecution(session, options);
  const batches = execution.inReach(receiveBatches(actions));
  // More than are fetched: what the thread does first for each is done before there is room for it.
  await concurrently(batches, LIMITS.partsInFlight, (batch) => execution.run(batch));
  await execution.finishRoot();
  tally.report();
}

/** A file that is to be fetched, and where to. */
interface Pending {
  readonly file: WantedFile;
  /** Local path; its directory exists. */
  readonly target: string;
}

class LocalExecution {
  readonly #session: Session;
  readonly #options: LocalExecutorOptions;
  readonly #files: ChosenFiles;
  /** Batches that are done while one before them is not. */
  readonly #done = new Map<number, readonly ClosedDirectory[]>();
  /** All batches before this one are done. */
  #low = 0;
  #advanced = Promise.withResolvers<void>();

  constructor(session: Session, options: LocalExecutorOptions) {
    this.#session = session;
    this.#options = options;
    this.#files = new ChosenFiles(session, options);
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
    const steps = actions.map(stepOf);
    const outcomes = await this.#options.writer.ask({ kind: 'steps', steps });
    const small: Pending[] = [];
    const large: Pending[] = [];
    for (const [index, outcome] of outcomes.entries()) {
      const step = steps[index];
      const action = actions[index];
      assert(step !== undefined && action !== undefined, 'each outcome belongs to a step');
      if (outcome.kind !== 'pending') this.#count(action, outcome);
      else if (step.kind === 'file') {
        // What is alike but not the same may have other chunks: those are compared one by one.
        const isAlone = outcome.isAlike || this.#options.transfer.md5 === true;
        const travels = isSmallFile(step) && !isAlone ? small : large;
        travels.push({ file: step, target: outcome.path });
      }
    }
    large.push(...(await this.#receiveSmall(small)));
    await concurrently(large, LIMITS.largeFilesInFlight, (each) => this.#download(each));
    await this.#close(batch);
  }

  async finishRoot(): Promise<void> {
    const { root } = this.#options;
    if (root === undefined) return;
    await this.#finish([{ relative: '', attributes: root }]);
  }

  #isPossible(action: Action): boolean {
    if (action.kind !== 'conflict') return true;
    const { entry, existing } = action;
    const path = this.#localPath(entry.relative);
    const error = new GdpfsError(
      existing.kind === 'directory' ? 'is_a_directory' : 'not_a_directory',
      `cannot replace ${quote(path)}: it is a ${existing.kind}, need a ${entry.kind}`,
    );
    this.#options.tally.fail({ path, error });
    return false;
  }

  /** Counts what needs nothing more. */
  #count(action: Action, outcome: Exclude<Outcome, { readonly kind: 'pending' }>): void {
    const { tally } = this.#options;
    const { relative, size } = action.entry;
    const path = this.#localPath(relative);
    if (outcome.kind === 'fault') return this.#fail(path, errorOfFault(outcome.fault));
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

  /** Throws what ends it all. */
  #fail(path: string, error: unknown): void {
    if (!isFaultOfOne(error)) throw error;
    this.#options.tally.fail({ path, error });
  }

  /** Fetches and writes small files. Returns those that must come another way. */
  async #receiveSmall(small: readonly Pending[]): Promise<readonly Pending[]> {
    if (small.length === 0) return [];
    const files = small.map(({ file }) => file);
    const relatives = files.map(({ relative }) => relative);
    const left = await this.#files.with(relatives, async (tar) => {
      if (tar === undefined) return undefined;
      const outcomes = await this.#options.writer.ask({ kind: 'files', files, tar });
      return small.filter((each, index) => this.#isLeft(each, outcomes[index]));
    });
    if (left !== undefined) return left;
    if (small.length === 1) return small;
    // One of them cannot be had: the others can.
    const middle = Math.ceil(small.length / 2);
    return [
      ...(await this.#receiveSmall(small.slice(0, middle))),
      ...(await this.#receiveSmall(small.slice(middle))),
    ];
  }

  /** Counts what was done with a file of a tar; true if nothing was. */
  #isLeft({ file, target }: Pending, outcome: Outcome | undefined): boolean {
    if (outcome?.kind === 'pending') return true;
    if (outcome?.kind === 'fault') this.#fail(target, errorOfFault(outcome.fault));
    else this.#fileDone(target, { size: file.size, bytesSent: file.size, bytesReused: 0 });
    return false;
  }

  async #download({ file, target }: Pending): Promise<void> {
    const { tally, transfer, signal, path: root, at } = this.#options;
    const path = `${root}/${file.relative}`;
    const moving = tally.beginFile();
    try {
      const result = await downloadFile(this.#session, {
        path,
        target,
        version: { ...file, path, at },
        transfer,
        onProgress: moving.onProgress,
        signal,
      });
      const { size, etag, bytesReceived, bytesReused } = result;
      const copies = { local: target, path, at, etag, signal };
      const md5 = await compareMd5(this.#session, transfer, copies);
      moving.done({ path: target, size, bytesSent: bytesReceived, bytesReused, md5 });
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
    for (;;) {
      const next = this.#done.get(this.#low);
      if (next === undefined) break;
      this.#done.delete(this.#low);
      this.#low += 1;
      complete.push(...next);
    }
    this.#advanced.resolve();
    this.#advanced = Promise.withResolvers<void>();
    await this.#finish(complete);
  }

  async #finish(directories: readonly ClosedDirectory[]): Promise<void> {
    if (directories.length === 0) return;
    const outcomes = await this.#options.writer.ask({ kind: 'finish', directories });
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.kind !== 'fault') continue;
      this.#fail(this.#localPath(directories[index]?.relative ?? ''), errorOfFault(outcome.fault));
    }
  }

  #localPath(relative: string): string {
    return `${this.#options.target}/${relative}`;
  }
}

function stepOf(action: Action): Step {
  const { kind, entry } = action;
  const { relative, mode, mtimeUs, size, content, target = '' } = entry;
  const named = { relative, mode, mtimeUs };
  switch (kind) {
    case 'file': {
      const etag = formatDigest(content ?? EMPTY_BYTES);
      return { ...named, kind, size, etag, mayBeThere: mayBeThere(action) };
    }
    case 'symlink':
      return { ...named, kind, target };
    case 'remove':
      return { kind, relative };
    case 'directory':
    case 'attributes':
      return { ...named, kind };
    case 'conflict':
      throw new Error('bug: a conflict cannot be done');
  }
}

/** A plan that does not know what is at the destination says that it is unsure. */
function mayBeThere({ entry, existing, reason }: Action & { readonly kind: 'file' }): boolean {
  if (existing === undefined) return reason === 'unsure';
  return existing.kind === 'file' && existing.size === entry.size;
}
