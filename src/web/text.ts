/** What is shown to people: numbers, times, names. */

const UNITS = ['KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`;
  let value = bytes;
  let unit = '';
  for (const next of UNITS) {
    value /= 1024;
    unit = next;
    // What would be rounded to 1024 is 1 of the next.
    if (value < 1023.5) break;
  }
  return `${value < 99.95 ? value.toFixed(1) : Math.round(value)} ${unit}`;
}

/** Local time to the second. */
export function formatTime(ms: number): string {
  const date = new Date(ms);
  if (Number.isNaN(date.getTime())) return 'unknown';
  const pad = (value: number): string => String(value).padStart(2, '0');
  const day = `${date.getFullYear()}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`;
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`;
}

export function formatCount(count: number): string {
  return count.toLocaleString('en');
}

/** Permission bits as `ls` writes them. */
export function formatMode(mode: number): string {
  const bits = [0o400, 0o200, 0o100, 0o040, 0o020, 0o010, 0o004, 0o002, 0o001];
  return bits.map((bit, index) => (mode & bit ? ('rwx'[index % 3] ?? '') : '-')).join('');
}

/**
 * Control characters, and those that turn the direction of what follows or show nothing: with them one name looks like
 * another. Spaces at the ends, too.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Co}\p{Cs}\p{Zl}\p{Zp}]|(?! )\p{Zs}|^ | $/gu;

/** A name with everything that a reader would not see written out: `\u{202e}`. */
export function visibleName(name: string): string {
  return name.replaceAll(HIDDEN, (sign) => `\\u{${(sign.codePointAt(0) ?? 0).toString(16)}}`);
}
