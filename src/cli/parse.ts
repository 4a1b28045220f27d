import { GdpfsError } from '../base/errors.ts';
import { isPrincipalName, PRINCIPAL_NAME_NEED } from '../wire/principal.ts';

/** A whole number of 0 and up. Throws `usage`. */
export function parseCount(text: string): number {
  const value = Number(text);
  if (/^[0-9]+$/.test(text) && Number.isSafeInteger(value)) return value;
  throw new GdpfsError('usage', `cannot use ${JSON.stringify(text)}: need a whole number`);
}

/** The name of a principal or a group. Throws `usage`. */
export function parseName(text: string): string {
  if (isPrincipalName(text)) return text;
  const object = `the name ${JSON.stringify(text)}`;
  throw new GdpfsError('usage', `cannot use ${object}: need ${PRINCIPAL_NAME_NEED}`);
}

const SIZE_UNITS: Readonly<Record<string, number>> = {
  B: 1,
  '': 1024,
  K: 1024,
  M: 1024 ** 2,
  G: 1024 ** 3,
  T: 1024 ** 4,
  KB: 1000,
  MB: 1000 ** 2,
  GB: 1000 ** 3,
  TB: 1000 ** 4,
};

/**
 * Bytes a second, as rsync and rclone read them: `500` and `500K` are 500 KiB, `1.5M` is 1.5 MiB,
 * `2MB` is 2,000,000 and `100B` 100 bytes. Undefined for 0, which limits nothing. Throws `usage`.
 */
export function parseRate(text: string): number | undefined {
  const bytes = bytesOf(text);
  if (bytes !== undefined) return bytes === 0 ? undefined : bytes;
  throw new GdpfsError('usage', `cannot use ${JSON.stringify(text)}: need a rate such as 10M`);
}

/** Bytes: `100GB` is 100,000,000,000, `100G` and `100GiB` are 100 GiB, `none` is 0. Throws `usage`. */
export function parseSize(text: string): number {
  const bytes = text === 'none' ? 0 : bytesOf(/[a-z]/i.test(text) ? text : `${text}B`);
  if (bytes !== undefined) return bytes;
  throw new GdpfsError('usage', `cannot use ${JSON.stringify(text)}: need a size such as 100GB`);
}

function bytesOf(text: string): number | undefined {
  const [, digits = '', letter = '', rest = ''] =
    /^([0-9]+(?:\.[0-9]+)?)([KMGTB]?)(iB|B)?$/i.exec(text) ?? [];
  const unit = SIZE_UNITS[(letter + (rest.toLowerCase() === 'ib' ? '' : rest)).toUpperCase()];
  const bytes = Math.round(Number(digits) * (unit ?? Number.NaN));
  return digits !== '' && Number.isSafeInteger(bytes) ? bytes : undefined;
}
