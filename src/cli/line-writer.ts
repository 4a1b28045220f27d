import type { Output } from './output.ts';

/** Lines are written together: one by one they cost more than the small files they tell of. */
const PENDING_CHARACTERS_MAX = 64 * 1024;

/** Writes lines in order, soon, for callers that cannot wait. */
export class LineWriter {
  readonly #output: Output;
  #pending = '';
  #written: Promise<void> = Promise.resolve();

  constructor(output: Output) {
    this.#output = output;
  }

  /** Pipes and files take it at once, however slowly they are read: nothing piles up here. */
  write(line: string): void {
    if (this.#pending === '') setImmediate(() => this.#flush());
    this.#pending += `${line}\n`;
    if (this.#pending.length > PENDING_CHARACTERS_MAX) this.#flush();
  }

  /** Resolves when everything is written. */
  async end(): Promise<void> {
    this.#flush();
    await this.#written;
  }

  #flush(): void {
    const lines = this.#pending;
    this.#pending = '';
    if (lines !== '') this.#written = this.#written.then(() => this.#output.write(lines));
  }
}
