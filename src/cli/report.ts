import { ERRORS, type ErrorCode, GdpfsError } from '../base/errors.ts';
import { type Output, printable } from './output.ts';

/** 128 and the number of SIGINT, as shells report it. */
const EXIT_INTERRUPTED = 130;

/** Tells the user about errors, each at once, and remembers what the exit code must be. */
export class Report {
  readonly #stderr: Output;
  readonly #signal: AbortSignal;
  readonly #codes = new Set<ErrorCode>();
  #isInterrupted = false;
  /** Show where errors come from. */
  isDebug = false;
  /** Something is being changed, and is not done before its summary says so. */
  isUnfinished = false;

  /** Whatever fails after `signal` was aborted failed because of that. */
  constructor(stderr: Output, signal: AbortSignal) {
    this.#stderr = stderr;
    this.#signal = signal;
  }

  /** 0, the error's own code, or that of `partial` where several files failed for several reasons. */
  get exitCode(): number {
    const [code, ...others] = this.#codes;
    if (this.#isInterrupted) return EXIT_INTERRUPTED;
    if (code === undefined) return 0;
    return ERRORS[others.length > 0 ? 'partial' : code].exit;
  }

  /** `path` is what it was about, where the message may not say. */
  async error(error: unknown, path?: string): Promise<void> {
    if (this.#signal.aborted) return await this.#interrupted();
    const isExpected = error instanceof GdpfsError;
    this.#codes.add(isExpected ? error.code : 'internal');
    const text = isExpected ? error.message : `internal error: ${String(error)}`;
    const isNamed = path === undefined || isNamedIn(text, path);
    await this.#line(`error: ${isNamed ? '' : `${path}: `}${text}`);
    if (isExpected && error.hint !== undefined) await this.#line(`hint: ${error.hint}`);
    if (!isExpected && !this.isDebug) await this.#line('hint: "--debug" shows where it happened');
    if (this.isDebug) await this.#stderr.write(`${trace(error)}\n`);
  }

  /** Something that helps and is not part of the data. */
  async note(text: string): Promise<void> {
    await this.#line(text);
  }

  async warning(text: string): Promise<void> {
    await this.#line(`warning: ${text}`);
  }

  async #interrupted(): Promise<void> {
    if (!this.#isInterrupted) await this.#line('error: stopped before the end');
    this.#isInterrupted = true;
  }

  #line(text: string): Promise<void> {
    return this.#stderr.write(`gdpfs: ${printable(text, this.#stderr)}\n`);
  }
}

/** The stack of an error and of everything that caused it. */
function trace(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const own = error.stack ?? String(error);
  return error.cause === undefined ? own : `${own}\ncaused by: ${trace(error.cause)}`;
}

/** A short name is found in any sentence, unless it stands alone. */
function isNamedIn(text: string, path: string): boolean {
  return text.includes(`"${path}"`) || (path.includes('/') && text.includes(path));
}
