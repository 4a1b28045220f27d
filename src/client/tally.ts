import type { GdpfsError } from '../base/errors.ts';

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
  /** Files and links that were left as they are. */
  readonly skipped: number;
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
}

/** Told of what happens in a transfer, as it happens. */
export interface TransferObserver {
  /** Often; cheap to ignore. */
  progress?(progress: Progress): void;
  file?(done: FileDone): void;
  /** Something was changed that is no file: a directory, a link, attributes, a removal. */
  change?(change: {
    readonly kind: 'directory' | 'link' | 'attributes' | 'remove';
    readonly path: string;
  }): void;
  failure?(failure: TransferFailure): void;
}

/** Counts for one transfer, and what failed in it: one file must not stop the others. */
export class Tally implements Progress {
  files = 0;
  directories = 0;
  links = 0;
  skipped = 0;
  removed = 0;
  bytes = 0;
  bytesSent = 0;
  bytesReused = 0;
  readonly expected = { files: 0, bytes: 0, isComplete: false };
  readonly errors: TransferFailure[] = [];
  readonly observer: TransferObserver;

  constructor(observer: TransferObserver = {}) {
    this.observer = observer;
  }

  /** There is more to do than was known. */
  expect(more: { readonly files: number; readonly bytes: number }): void {
    this.expected.files += more.files;
    this.expected.bytes += more.bytes;
  }

  /** Adds bytes of content as they become safe; a file counts when it is whole. */
  addBytes(bytes: number): void {
    this.bytes += bytes;
    this.report();
  }

  /** A file is whole; its `size` has been added by `addBytes` already. */
  fileDone(done: FileDone): void {
    this.files += 1;
    this.bytesSent += done.bytesSent;
    this.bytesReused += done.bytesReused;
    this.observer.file?.(done);
    this.report();
  }

  /** Something that stays as it is. */
  skip(count = 1): void {
    this.skipped += count;
    this.report();
  }

  fail(failure: TransferFailure): void {
    this.errors.push(failure);
    this.observer.failure?.(failure);
  }

  report(): void {
    this.observer.progress?.(this);
  }
}
