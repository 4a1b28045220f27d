import { LIMITS } from '../../base/limits.ts';
import { apiPath, join, type PathPlace } from '../place.ts';
import { change, RequestError } from '../server.ts';
import type { Chosen } from './chosen.ts';
import { Hasher } from './hasher.ts';
import { uploadFile } from './upload-file.ts';

export type TransferState = 'waiting' | 'running' | 'done' | 'same' | 'failed' | 'cancelled';

/** One file on its way. */
export interface Transfer {
  readonly id: number;
  readonly file: File;
  /** `/<volume>/<path>`. */
  readonly path: string;
  readonly state: TransferState;
  /** Bytes that the server has, and of them those that were sent. */
  readonly done: number;
  readonly sent: number;
  readonly failure?: string | undefined;
  /** Another file is there: may it be replaced? */
  readonly isConflict?: boolean;
}

export interface Totals {
  readonly files: number;
  readonly ended: number;
  readonly failed: number;
  readonly bytes: number;
  readonly done: number;
  readonly sent: number;
  readonly isBusy: boolean;
}

const ENDED = new Set<TransferState>(['done', 'same', 'failed', 'cancelled']);

/** All that is sent from this page, some files at once. */
export class Uploads {
  readonly #transfers = new Map<number, Transfer>();
  readonly #cancels = new Map<number, AbortController>();
  readonly #waiting: { readonly id: number; readonly mayReplace: boolean }[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #onEnded: (path: string) => void;
  #hasher: Hasher | undefined;
  #running = 0;
  #next = 0;
  #isTelling = false;

  constructor(onEnded: (path: string) => void) {
    this.#onEnded = onEnded;
  }

  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  get transfers(): readonly Transfer[] {
    return [...this.#transfers.values()];
  }

  get totals(): Totals {
    const all = this.transfers;
    const sum = (of: (one: Transfer) => number): number => all.reduce((s, one) => s + of(one), 0);
    return {
      files: all.length,
      ended: sum(({ state }) => Number(ENDED.has(state))),
      failed: sum(({ state }) => Number(state === 'failed')),
      bytes: sum(({ file }) => file.size),
      done: sum(({ done }) => done),
      sent: sum(({ sent }) => sent),
      isBusy: this.#running > 0 || this.#waiting.length > 0,
    };
  }

  /** Into a directory. Empty directories are made first. Throws RequestError. */
  async add(target: PathPlace, { files, directories }: Chosen): Promise<void> {
    const at = (path: string): string => apiPath({ ...target, path: join(target.path, path) });
    for (const { path, file } of files) {
      const id = this.#next;
      this.#next += 1;
      this.#set({ id, file, path: at(path), state: 'waiting', done: 0, sent: 0 });
      this.#waiting.push({ id, mayReplace: false });
    }
    this.#start();
    for (const path of directories) {
      await change('POST', '/api/v1/files', {
        json: { kind: 'directory', path: at(path), parents: true },
      });
      this.#onEnded(at(path));
    }
  }

  /** Again, from where it stopped. */
  retry(id: number, { mayReplace }: { readonly mayReplace: boolean }): void {
    const transfer = this.#transfers.get(id);
    if (transfer === undefined || !ENDED.has(transfer.state)) return;
    const { file, path } = transfer;
    this.#set({ id, file, path, state: 'waiting', done: 0, sent: 0 });
    this.#waiting.push({ id, mayReplace });
    this.#start();
  }

  cancel(id: number): void {
    const transfer = this.#transfers.get(id);
    if (transfer === undefined || ENDED.has(transfer.state)) return;
    this.#cancels.get(id)?.abort(new Error('cancelled'));
    this.#set({ ...transfer, state: 'cancelled' });
  }

  cancelAll(): void {
    for (const id of this.#transfers.keys()) this.cancel(id);
  }

  /** Forgets what has ended. */
  clear(): void {
    for (const [id, { state }] of this.#transfers) {
      if (ENDED.has(state)) this.#transfers.delete(id);
    }
    this.#tell();
  }

  #start(): void {
    while (this.#running < LIMITS.pageFilesAtOnce) {
      const next = this.#waiting.shift();
      if (next === undefined) return;
      if (this.#transfers.get(next.id)?.state !== 'waiting') continue;
      this.#running += 1;
      void this.#run(next.id, next.mayReplace).finally(() => {
        this.#running -= 1;
        this.#start();
        this.#tell();
      });
    }
  }

  async #run(id: number, mayReplace: boolean): Promise<void> {
    const cancel = new AbortController();
    this.#cancels.set(id, cancel);
    const update = (change: Partial<Transfer>): void => {
      const now = this.#transfers.get(id);
      if (now !== undefined && now.state !== 'cancelled') this.#set({ ...now, ...change });
    };
    const { file, path } = this.#transfers.get(id) as Transfer;
    update({ state: 'running' });
    try {
      this.#hasher ??= new Hasher();
      const outcome = await uploadFile(
        { file, path, mayReplace },
        { hasher: this.#hasher, signal: cancel.signal, onProgress: update },
      );
      update({ state: outcome, done: file.size });
      this.#onEnded(path);
    } catch (error) {
      const isConflict = error instanceof RequestError && error.code === 'exists';
      update({ state: 'failed', isConflict, failure: messageOf(error) });
    } finally {
      this.#cancels.delete(id);
    }
  }

  #set(transfer: Transfer): void {
    this.#transfers.set(transfer.id, transfer);
    this.#tell();
  }

  /** Not for each byte. */
  #tell(): void {
    if (this.#isTelling) return;
    this.#isTelling = true;
    setTimeout(() => {
      this.#isTelling = false;
      for (const listener of this.#listeners) listener();
    }, 100);
  }
}

export function messageOf(error: unknown): string {
  if (error instanceof RequestError && error.hint !== undefined) {
    return `${error.message} (${error.hint})`;
  }
  return error instanceof Error ? error.message : String(error);
}
