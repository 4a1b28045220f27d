import type { GdpfsError } from '../base/errors.ts';
import type { Wait } from './flow/flow-options.ts';

/** What a transfer has done so far. */
export interface Progress {
  readonly files: number;
  readonly directories: number;
  readonly links: number;
  /** Bytes of content that are safe on the other side. */
  readonly bytes: number;
  /** Bytes of content that crossed the wire. */
  readonly bytesSent: number;
  /** Bytes that the other side had already. */
  readonly bytesReused: number;
  /** What of these belongs to files that are not whole yet comes on top. */
  readonly moving: { readonly bytesSent: number; readonly bytesReused: number };
  /** Files and links that were left as they are. */
  readonly skipped: number;
  /** Names that were removed, with everything below them. */
  readonly removed: number;
  /** Files whose MD5 was compared on both ends. */
  readonly md5Compared: number;
  /** Names that were moved inside a volume, with everything below them. */
  readonly renamed: number;
  /** What is known to be there to do; complete once `isComplete`. */
  readonly expected: {
    readonly files: number;
    readonly bytes: number;
    readonly isComplete: boolean;
  };
}

export interface TransferFailure {
  /** What could not be copied, as its side names it. */
  readonly path: string;
  readonly error: GdpfsError;
}

/** One file, whole and verified on the other side. */
export interface FileDone {
  /** As the receiving side names it. */
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  readonly bytesSent: number;
  readonly bytesReused: number;
  /** Of both ends, if it was compared. */
  readonly md5?: string | undefined;
}

/**
 * Called with the bytes of a file that became safe on the other side since the last call, and how
 * many of them crossed the wire for that; with less than 0 if those before were for nothing.
 */
export type OnProgress = (bytes: number, bytesSent?: number) => void;

/** What a transfer has done in the end. */
export interface TransferResult extends Omit<Progress, 'expected' | 'moving'> {
  /** Everything arrived, and was compared by digest with what it should be. */
  readonly verified: boolean;
  /** What was not done. */
  readonly errors: readonly TransferFailure[];
}

/** Something that was changed and is no file's content. `path` is as the receiving side names it. */
export interface TransferChange {
  readonly kind: 'directory' | 'link' | 'attributes' | 'remove' | 'rename';
  readonly path: string;
  /** Of `rename`: the name it had. */
  readonly from?: string;
}

/** Told of what happens in a transfer, as it happens. */
export interface TransferObserver {
  /** Often; cheap to ignore. */
  progress?(progress: Progress): void;
  file?(done: FileDone): void;
  change?(change: TransferChange): void;
  failure?(failure: TransferFailure): void;
  /** A request is sent again after a pause: others may go on meanwhile. */
  wait?(wait: Wait): void;
}

/** Counts for one transfer, and what failed in it: one file must not stop the others. */
export class Tally implements Progress {
  files = 0;
  directories = 0;
  links = 0;
  skipped = 0;
  removed = 0;
  renamed = 0;
  md5Compared = 0;
  bytes = 0;
  bytesSent = 0;
  bytesReused = 0;
  readonly moving = { bytesSent: 0, bytesReused: 0 };
  readonly expected = { files: 0, bytes: 0, isComplete: false };
  readonly errors: TransferFailure[] = [];
  readonly observer: TransferObserver;

  /** Sources behind the one that is planned now: there will be more to do. */
  sourcesBehind = 0;

  constructor(observer: TransferObserver = {}) {
    this.observer = observer;
  }

  /** There is more to do than was known. */
  expect(more: { readonly files: number; readonly bytes: number }): void {
    this.expected.files += more.files;
    this.expected.bytes += more.bytes;
  }

  /** All that there is to do for the present source is known. */
  planComplete(): void {
    this.expected.isComplete = this.sourcesBehind === 0;
  }

  /** Adds bytes of content as they become safe; a file counts when it is whole. */
  addBytes(bytes: number): void {
    this.bytes += bytes;
    this.report();
  }

  /** A file sets out. */
  beginFile(): MovingFile {
    return new MovingFile(this);
  }

  /** A file is whole; its `size` has been added by `addBytes` already. */
  fileDone(done: FileDone): void {
    this.files += 1;
    this.bytesSent += done.bytesSent;
    this.bytesReused += done.bytesReused;
    if (done.md5 !== undefined) this.md5Compared += 1;
    this.observer.file?.(done);
    this.report();
  }

  /** Something that stays as it is. */
  skip(count = 1): void {
    this.skipped += count;
    this.report();
  }

  /** A name was moved inside a volume. */
  rename(names: { readonly from: string; readonly path: string }): void {
    this.renamed += 1;
    this.observer.change?.({ kind: 'rename', ...names });
    this.report();
  }

  fail(failure: TransferFailure): void {
    this.errors.push(failure);
    this.observer.failure?.(failure);
  }

  report(): void {
    this.observer.progress?.(this);
  }

  result(): TransferResult {
    return { ...countsOf(this), verified: this.errors.length === 0, errors: this.errors };
  }
}

/** One file on its way: what it has added to the counts so far. */
export class MovingFile {
  readonly #tally: Tally;
  #bytes = 0;
  #bytesSent = 0;

  constructor(tally: Tally) {
    this.#tally = tally;
  }

  readonly onProgress: OnProgress = (bytes, bytesSent = 0) => {
    this.#move(bytes, bytesSent);
    this.#tally.addBytes(bytes);
  };

  done(done: FileDone): void {
    this.#move(-this.#bytes, -this.#bytesSent);
    this.#tally.fileDone(done);
  }

  /** Takes back all but what has crossed the wire. */
  failed(): void {
    const [bytes, bytesSent] = [this.#bytes, this.#bytesSent];
    this.#move(-bytes, -bytesSent);
    this.#tally.bytesSent += bytesSent;
    this.#tally.addBytes(-bytes);
  }

  /** Takes back everything. */
  discard(): void {
    const bytes = this.#bytes;
    this.#move(-bytes, -this.#bytesSent);
    this.#tally.addBytes(-bytes);
  }

  #move(bytes: number, bytesSent: number): void {
    const { moving } = this.#tally;
    this.#bytes += bytes;
    this.#bytesSent += bytesSent;
    moving.bytesSent += bytesSent;
    moving.bytesReused += bytes - bytesSent;
  }
}

/** What was counted until now, with files that are on their way. */
export function countsOf(progress: Progress): Omit<Progress, 'expected' | 'moving'> {
  const { files, directories, links, skipped, removed, renamed } = progress;
  const { bytes, moving, md5Compared } = progress;
  const bytesSent = progress.bytesSent + moving.bytesSent;
  // A file that begins anew takes back what it had found here, not what it had sent.
  const bytesReused = Math.max(0, progress.bytesReused + moving.bytesReused);
  const counts = { files, directories, links, skipped, removed, renamed, md5Compared };
  return { ...counts, bytes, bytesSent, bytesReused };
}
