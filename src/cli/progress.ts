import type { Progress } from '../client/tally.ts';
import { formatSize } from './format.ts';
import type { Output } from './output.ts';

/** Milliseconds between two looks of the line: quick enough to live, slow enough to be read. */
const REDRAW_MS = 200;
/** A rate over less than this says nothing. */
const RATE_SPAN_MS_MIN = 500;
const CLEAR_LINE = '\r\u001b[K';

/** One line on a terminal that says how something long goes; nothing anywhere else. */
export class ProgressLine {
  readonly #output: Output;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #isShown = false;

  constructor(output: Output) {
    this.#output = output;
  }

  show(text: string): void {
    const nowMs = performance.now();
    if (!this.#output.isTerminal || nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#isShown = true;
    // Nobody waits for it: a line that comes late is worth nothing.
    void this.#output.write(CLEAR_LINE + text.slice(0, this.#output.columns - 1));
  }

  /** Makes room for other output. */
  async clear(): Promise<void> {
    if (this.#isShown) await this.#output.write(CLEAR_LINE);
    this.#isShown = false;
  }
}

/** How much was transferred since the start, and how fast: `3 files, 1.20 GB, 412 MB/s`. */
export type Summary = (progress: Pick<Progress, 'files' | 'bytes'>) => string;

export function startSummary(): Summary {
  const startMs = performance.now();
  return ({ files, bytes }) => {
    const elapsedMs = performance.now() - startMs;
    const parts = [`${files} ${files === 1 ? 'file' : 'files'}`, formatSize(bytes)];
    if (elapsedMs >= RATE_SPAN_MS_MIN) parts.push(`${formatSize((bytes / elapsedMs) * 1000)}/s`);
    return parts.join(', ');
  };
}
