import { type ErrorCode, type GdpfsError, isGdpfsError } from '../base/errors.ts';

/** Failures that the next file would meet too. */
const GENERAL: readonly ErrorCode[] = [
  'busy',
  'certificate_invalid',
  'certificate_required',
  'forbidden',
  'internal',
  'locked',
  'no_space',
  'read_only',
  'unavailable',
  'untrusted',
];

/** Does this failure concern one file only, so that the others of a tree go on? */
export function isFaultOfOne(error: unknown): error is GdpfsError {
  return isGdpfsError(error) && !GENERAL.includes(error.code);
}
