import { GdpfsError } from '../base/errors.ts';

const UNITS_MS = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;

/** `90s`, `30m`, `12h`, `7d` in milliseconds. Throws `usage`. */
export function parseDuration(text: string): number {
  const [, digits = '', unit = ''] = /^([1-9][0-9]{0,5})([smhd])$/.exec(text) ?? [];
  if (digits !== '') return Number(digits) * UNITS_MS[unit as keyof typeof UNITS_MS];
  throw new GdpfsError(
    'usage',
    `cannot use the time ${JSON.stringify(text)}: need a number and s, m, h or d, such as 7d`,
  );
}
