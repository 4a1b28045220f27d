import { closeSync, constants, lstatSync, openSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { randomBytes } from 'node:crypto';
import { hexEncode } from '../base/bytes.ts';

/** Names that differ in case or in normalization are one name to some file systems. */

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
const PROBE_MODE = 0o600;
const TAG_BYTES = 8;

/**
 * Does the file system take one name for another in this directory? Tried with a file of no content,
 * which goes again. Where none can be made the answer is yes: to be careful costs little.
 */
export function foldsNames(directory: string): boolean {
  const tag = hexEncode(randomBytes(TAG_BYTES));
  const path = join(directory, `.gdpfs-probe-${tag}-\u00e9`);
  try {
    closeSync(openSync(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, PROBE_MODE));
  } catch {
    return true;
  }
  try {
    const others = [`.gdpfs-PROBE-${tag}-\u00e9`, `.gdpfs-probe-${tag}-e\u0301`];
    return others.some((name) => exists(join(directory, name)));
  } finally {
    rmSync(path, { force: true });
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

/** Equal for names that such a file system may take for one, and for some that it may not. */
export function foldName(name: string): string {
  const plain = name.normalize('NFD').replaceAll(/\p{Default_Ignorable_Code_Point}/gu, '');
  return plain.toUpperCase().toLowerCase().normalize('NFD');
}
