import type { GdpfsError } from '../base/errors.ts';

/** What a transfer has done so far. */
export interface Progress {
  readonly files: number;
  readonly directories: number;
  readonly links: number;
  /** Bytes of content that are safe on the other side. */
  readonly bytes: number;
}

export interface TransferFailure {
  /** What could not be copied, as its side names it. */
  readonly path: string;
  readonly error: GdpfsError;
}

/** Counts for one transfer, and what failed in it: one file must not stop the others. */
export class Tally {
  files = 0;
  directories = 0;
  links = 0;
  /** Files and links that were kept as they are at the destination. */
  skipped = 0;
  bytes = 0;
  bytesSent = 0;
  bytesReused = 0;
  readonly errors: TransferFailure[] = [];
  readonly #onProgress: (progress: Progress) => void;

  constructor(onProgress: (progress: Progress) => void = () => {}) {
    this.#onProgress = onProgress;
  }

  /** Adds bytes of content; others count files when they are whole. */
  addBytes(bytes: number): void {
    this.bytes += bytes;
    this.report();
  }

  report(): void {
    const { files, directories, links, bytes } = this;
    this.#onProgress({ files, directories, links, bytes });
  }
}
