import { once } from 'node:events';
import type { WriteStream } from 'node:tty';

/** Standard output or error, as the commands see it. */
export interface Output {
  readonly isTerminal: boolean;
  /** Characters in a line of the terminal. */
  readonly columns: number;
  /** Resolves when more may be written: a slow reader slows us down instead of filling memory. */
  write(data: string | Uint8Array): Promise<void>;
}

const COLUMNS_DEFAULT = 80;

export function openOutput(stream: NodeJS.WriteStream | WriteStream): Output {
  return {
    isTerminal: stream.isTTY === true,
    get columns() {
      return stream.columns ?? COLUMNS_DEFAULT;
    },
    async write(data) {
      if (!stream.write(data)) await once(stream, 'drain');
    },
  };
}

/**
 * A name for the screen: control characters, which could repaint it, as `?`. What goes to a program
 * stays as it is.
 */
export function printable(text: string, output: Output): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it is about
  return output.isTerminal ? text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?') : text;
}
