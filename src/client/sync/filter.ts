import { GdpfsError } from '../../base/errors.ts';

/** One rule of a filter, as `--include` and `--exclude` give it. */
export interface FilterRule {
  readonly kind: 'include' | 'exclude';
  /**
   * As rsync and rclone know them: `*` and `?` match anything but `/`, `**` also `/`, `[a-z]` one of
   * these; `\` takes the next character as it is. A `/` at the start ties the pattern to the root, one
   * at the end lets it match directories only. Without a `/` in between it is about the last name, at
   * any depth. `directory/***` is the directory and all that is in it.
   */
  readonly pattern: string;
}

/** Is the name left out? What is below a directory that is left out is never asked for. */
export type IsExcluded = (name: { readonly relative: string; readonly kind: string }) => boolean;

/** The first rule that matches decides; what none matches is in. Throws `usage`. */
export function compileFilter(rules: readonly FilterRule[]): IsExcluded {
  const compiled = rules.map(({ kind, pattern }) => ({
    isExcluded: kind === 'exclude',
    isDirectoryOnly: pattern.endsWith('/'),
    expression: compilePattern(pattern),
  }));
  return ({ relative, kind }) => {
    const first = compiled.find(({ isDirectoryOnly, expression }) => {
      return (!isDirectoryOnly || kind === 'directory') && expression.test(relative);
    });
    return first?.isExcluded ?? false;
  };
}

/**
 * The rules of a filter file: one a line, `+ PATTERN` or `- PATTERN`. Empty lines and those that begin
 * with `#` or `;` say nothing, `!` forgets the rules before it. Throws `usage`.
 */
export function parseFilterFile(text: string): FilterRule[] {
  let rules: FilterRule[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    const trimmed = line.trim();
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith(';')) continue;
    const [, sign, pattern] = /^\s*([+-])\s+(.+)$/.exec(line) ?? [];
    if (trimmed === '!') rules = [];
    else if (sign === undefined || pattern === undefined) {
      throw new GdpfsError(
        'usage',
        `cannot read filter: line ${index + 1} is ${JSON.stringify(line)}, need "+ PATTERN" or "- PATTERN"`,
      );
    } else rules.push({ kind: sign === '+' ? 'include' : 'exclude', pattern });
  }
  return rules;
}

const ALL_BELOW = '/***';

function compilePattern(pattern: string): RegExp {
  const isAnchored = pattern.startsWith('/');
  const body = pattern.slice(isAnchored ? 1 : 0, pattern.endsWith('/') ? -1 : undefined);
  if (body === '') throw wrong(pattern, 'it is empty');
  const hasAllBelow = body.endsWith(ALL_BELOW);
  const directory = hasAllBelow ? body.slice(0, -ALL_BELOW.length) : body;
  const start = isAnchored ? '^' : '(?:^|/)';
  const end = hasAllBelow ? '(?:/.*)?$' : '$';
  return new RegExp(start + translate(directory, pattern) + end, 'su');
}

const ANY = '[^/]';

/** The pattern as a regular expression. */
function translate(body: string, pattern: string): string {
  let expression = '';
  const characters = Array.from(body);
  for (let index = 0; index < characters.length; index += 1) {
    const character = characters[index] ?? '';
    if (character === '*') {
      const stars = countStars(characters, index);
      index += stars - 1;
      if (stars === 1) expression += `${ANY}*`;
      else if (characters[index + 1] === '/') {
        // Also no directory at all.
        expression += '(?:.*/)?';
        index += 1;
      } else expression += '.*';
    } else if (character === '?') expression += ANY;
    else if (character === '[') {
      const end = endOfClass(characters, index);
      if (end === undefined) throw wrong(pattern, 'a "[" has no "]"');
      expression += `(?!/)${classOf(characters.slice(index + 1, end), pattern)}`;
      index = end;
    } else if (character === '\\') {
      index += 1;
      const next = characters[index];
      if (next === undefined) throw wrong(pattern, 'nothing follows the last "\\"');
      expression += literal(next);
    } else expression += literal(character);
  }
  return expression;
}

function countStars(characters: readonly string[], start: number): number {
  let count = 0;
  while (characters[start + count] === '*') count += 1;
  return count;
}

/** A `]` that comes first is one of the class. */
function endOfClass(characters: readonly string[], start: number): number | undefined {
  const first = start + (isNegation(characters[start + 1]) ? 2 : 1);
  for (let index = first; index < characters.length; index += 1) {
    if (characters[index] === '\\') index += 1;
    else if (characters[index] === ']' && index > first) return index;
  }
  return undefined;
}

function isNegation(character: string | undefined): boolean {
  return character === '!' || character === '^';
}

function classOf(characters: readonly string[], pattern: string): string {
  const negated = isNegation(characters[0]);
  const members = characters.slice(negated ? 1 : 0);
  let body = '';
  for (let index = 0; index < members.length; index += 1) {
    let member = members[index] ?? '';
    if (member === '-' && index > 0 && index < members.length - 1) {
      body += '-';
      continue;
    }
    if (member === '\\') {
      index += 1;
      member = members[index] ?? '\\';
    }
    body += codePoint(member);
  }
  try {
    return new RegExp(`[${negated ? '^' : ''}${body}]`, 'u').source;
  } catch {
    throw wrong(pattern, 'a range of characters ends before it begins');
  }
}

function literal(character: string): string {
  return /[A-Za-z0-9/]/.test(character) ? character : codePoint(character);
}

function codePoint(character: string): string {
  return `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}`;
}

function wrong(pattern: string, why: string): GdpfsError {
  return new GdpfsError('usage', `cannot use pattern ${JSON.stringify(pattern)}: ${why}`);
}
