/** A command line up to the cursor, as bash reads it. */
export interface ShellLine {
  /** Those that are whole, without quotes. */
  readonly words: readonly string[];
  /** The one that the cursor is in or behind, without backslashes; undefined inside of quotes. */
  readonly last: string | undefined;
  /** The same as it was typed. */
  readonly typed: string;
}

/** Reads blanks, backslashes and quotes, and nothing else that a shell knows. */
export function readShellLine(line: string): ShellLine {
  const words: string[] = [];
  let word: string | undefined;
  let start = 0;
  let quote = '';
  for (let index = 0; index < line.length; index += 1) {
    const character = line[index] ?? '';
    if (quote === '' && /[ \t\n]/.test(character)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      start = index + 1;
    } else if (character === quote) {
      quote = '';
    } else if (quote === '' && (character === '"' || character === "'")) {
      quote = character;
      word ??= '';
    } else if (character === '\\' && quote !== "'") {
      index += 1;
      word = (word ?? '') + (line[index] ?? '');
    } else word = (word ?? '') + character;
  }
  const typed = line.slice(start);
  return { words, last: quote === '' ? (word ?? '') : undefined, typed };
}

/** The word as one types it: with backslashes before what means something to bash or zsh. */
export function escapeForShell(text: string): string {
  return text.replace(/[^\w@%+,./:=\u0080-\uffff-]/g, (character) => `\\${character}`);
}
