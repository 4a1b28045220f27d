import { type GdpfsError, isGdpfsError } from '../base/errors.ts';

export interface VerifyProblem {
  /** Path in the volume, where it is about one. */
  readonly path?: string;
  readonly error: GdpfsError;
}

export interface VerifyReport {
  /** Records of the directory log. */
  readonly records: number;
  /** Signed checkpoints. */
  readonly checkpoints: number;
  /** Live files whose content was checked, with `data`. */
  readonly files: number;
  readonly chunks: number;
  /** Of content. */
  readonly bytes: number;
  readonly problems: readonly VerifyProblem[];
}

/** The report while it is being made. */
export class Verification implements VerifyReport {
  records = 0;
  checkpoints = 0;
  files = 0;
  chunks = 0;
  bytes = 0;
  readonly problems: VerifyProblem[] = [];
  readonly #onProgress: (report: VerifyReport) => void;

  constructor(onProgress: (report: VerifyReport) => void = () => {}) {
    this.#onProgress = onProgress;
  }

  report(): void {
    this.#onProgress(this);
  }

  /** Notes what speaks against the volume; throws what only kept us from looking. */
  note(error: unknown, path?: string): void {
    if (!isGdpfsError(error, 'corrupt', 'untrusted', 'not_found', 'wrong_root')) throw error;
    this.problems.push(path === undefined ? { error } : { path, error });
    this.report();
  }
}
