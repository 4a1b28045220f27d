import { chmodSync, lstatSync, opendirSync, rmdirSync, unlinkSync } from 'node:fs';
import { systemCode } from '../base/system-error.ts';

/** What it takes to empty a directory. */
const OWNER_ALL = 0o700;
const SLASH = Buffer.from('/');
/** Entries of a directory read at once. */
const LISTING_BUFFER = 256;
/** Others may add to a directory while it is emptied. */
const ROUNDS_MAX = 3;

/**
 * Removes a file, a link, or a directory with everything below it, however it is named; a link is
 * never followed, and a directory that forbids it is opened first. Nothing there is fine. Throws
 * what the system does.
 */
export function removeLocal(path: string): void {
  removeAny(Buffer.from(path));
}

function removeAny(path: Buffer): void {
  const stats = lstatSync(path, { throwIfNoEntry: false });
  if (stats === undefined) return;
  if (!stats.isDirectory()) return unlinkIfPresent(path);
  if ((stats.mode & OWNER_ALL) !== OWNER_ALL) chmodSync(path, OWNER_ALL);
  for (let round = 1; ; round += 1) {
    removeContent(path);
    try {
      return rmdirSync(path);
    } catch (cause) {
      if (systemCode(cause) === 'ENOENT') return;
      if (systemCode(cause) !== 'ENOTEMPTY' || round === ROUNDS_MAX) throw cause;
    }
  }
}

function removeContent(path: Buffer): void {
  // One character a byte: names may be no UTF-8.
  const directory = opendirSync(path, { encoding: 'latin1', bufferSize: LISTING_BUFFER });
  try {
    for (let entry = directory.readSync(); entry !== null; entry = directory.readSync()) {
      removeAny(Buffer.concat([path, SLASH, Buffer.from(entry.name, 'latin1')]));
    }
  } finally {
    directory.closeSync();
  }
}

function unlinkIfPresent(path: Buffer): void {
  try {
    unlinkSync(path);
  } catch (cause) {
    if (systemCode(cause) !== 'ENOENT') throw cause;
  }
}
