import { GdpfsError } from '../base/errors.ts';

/** A whole number of 0 and up. Throws `usage`. */
export function parseCount(text: string): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new GdpfsError('usage', `cannot use ${JSON.stringify(text)}: need a whole number`);
}
