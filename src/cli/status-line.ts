import type { Output } from './output.ts';

/** Milliseconds between two looks of the line: quick enough to live, slow enough to be read. */
const REDRAW_MS = 200;
const CLEAR_TO_END = '\u001b[K';

/** Where a status line goes: a terminal, or something that only looks like one. */
export interface StatusTerminal {
  /** Can what was written be written over? */
  readonly canRedraw: boolean;
  /** Characters in a line. */
  readonly columns: number;
  write(text: string): void;
}

/**
 * One line at the bottom of the terminal that says how something long goes; nothing anywhere else.
 * It is written over in place, without colors. Whoever writes to the same terminal calls `hide`
 * before; the line comes back with the next `show`. A terminal that was made narrower keeps what
 * was wrapped of the old line: going up to erase it would erase other output where nothing wraps.
 */
export class StatusLine {
  readonly #terminal: StatusTerminal;
  readonly #now: () => number;
  #drawnMs = Number.NEGATIVE_INFINITY;
  #drawn = '';
  #suspensions = 0;

  /** `now` gives milliseconds from any start. */
  constructor(terminal: StatusTerminal, now: () => number = () => performance.now()) {
    this.#terminal = terminal;
    this.#now = now;
  }

  /** Does `show` show anything? */
  get isUseful(): boolean {
    return this.#terminal.canRedraw;
  }

  /** Characters that fit. */
  get width(): number {
    // Some terminals go to the next line when the last column is filled.
    return Math.max(0, this.#terminal.columns - 1);
  }

  /** Replaces the line, unless it was replaced a moment ago or shows this already. */
  show(text: string): void {
    if (!this.isUseful || this.#suspensions > 0) return;
    const cut = text.slice(0, this.width);
    const nowMs = this.#now();
    if (cut === this.#drawn || nowMs - this.#drawnMs < REDRAW_MS) return;
    this.#drawnMs = nowMs;
    this.#drawn = cut;
    // The new text first, then what is left of the old: so nothing flickers.
    this.#terminal.write(`\r${cut}${CLEAR_TO_END}`);
  }

  /** Makes room for other output. */
  hide(): void {
    if (this.#drawn === '') return;
    this.#drawn = '';
    this.#terminal.write(`\r${CLEAR_TO_END}`);
  }

  /** Keeps the line away while `run` has the terminal for itself. */
  async without<T>(run: () => Promise<T>): Promise<T> {
    this.hide();
    this.#suspensions += 1;
    try {
      return await run();
    } finally {
      this.#suspensions -= 1;
    }
  }
}

/** `output`, which hides the line before it writes to the terminal that both share. */
export function above(status: StatusLine, output: Output): Output {
  if (!output.isTerminal) return output;
  return {
    isTerminal: true,
    write: async (data) => {
      status.hide();
      await output.write(data);
    },
  };
}
