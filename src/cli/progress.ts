import type { Progress } from '../client/tally.ts';
import { formatSize } from './format.ts';
import type { Output } from './output.ts';

/** Milliseconds between two looks of the line: quick enough to live, slow enough to be read. */
const REDRAW_MS = 200;
/** Rates over less than this say nothing. */
const RATE_SPAN_MS_MIN = 500;
const CLEAR_LINE = '\r\u001b[K';

/** One line on a terminal that says how a transfer goes; nothing anywhere else. */
export class ProgressLine {
  readonly #output: Output;
  readonly #startMs = performance.now();
  #drawnMs = 0;
  #isShown = false;

  constructor(output: Output) {
    this.#output = output;
  }

  show(progress: Progress): void {
    const nowMs = performance.now();
    if (!this.#output.isTerminal || nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#isShown = true;
    const line = this.summary(progress).slice(0, this.#output.columns - 1);
    // A line that comes late is worth nothing: nobody waits for it.
    void this.#output.write(CLEAR_LINE + line);
  }

  /** Makes room for other output. */
  async clear(): Promise<void> {
    if (this.#isShown) await this.#output.write(CLEAR_LINE);
    this.#isShown = false;
  }

  /** `3 files, 1.20 GB, 412 MB/s`. */
  summary({ files, bytes }: Pick<Progress, 'files' | 'bytes'>): string {
    const elapsedMs = performance.now() - this.#startMs;
    const parts = [`${files} ${files === 1 ? 'file' : 'files'}`, formatSize(bytes)];
    if (elapsedMs >= RATE_SPAN_MS_MIN) parts.push(`${formatSize((bytes / elapsedMs) * 1000)}/s`);
    return parts.join(', ');
  }
}
