import { once } from 'node:events';
import type { WriteStream } from 'node:tty';

/** Standard output or error, as the commands see it. */
export interface Output {
  readonly isTerminal: boolean;
  /** Resolves when more may be written: a slow reader slows us down instead of filling memory. */
  write(data: string | Uint8Array): Promise<void>;
}

export function openOutput(stream: NodeJS.WriteStream | WriteStream): Output {
  return {
    isTerminal: stream.isTTY === true,
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
  return output.isTerminal ? withoutControls(text) : text;
}

export function withoutControls(text: string): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what it is about
  return text.replace(/[\u0000-\u001f\u007f-\u009f]/g, '?');
}
