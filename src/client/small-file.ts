import { type BigIntStats, closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { localError } from './local-error.ts';
import { isSame, sourceChanged } from './source-state.ts';

const FLAGS = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK | constants.O_NOCTTY;

/**
 * The bytes of the file that `stats` describes. Throws `source_changed` if it is another by now or
 * changes meanwhile. Synchronous: for worker threads.
 */
export function readSmallFile(path: string, stats: BigIntStats): Uint8Array<ArrayBuffer> {
  try {
    const file = openSync(path, FLAGS);
    try {
      const bytes = new Uint8Array(Number(stats.size));
      const isWhole = fill(file, bytes) && isSame(stats, fstatSync(file, { bigint: true }));
      if (!isWhole) throw sourceChanged(path);
      return bytes;
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw localError('read', path, cause);
  }
}

/** False if the file ends before. */
function fill(file: number, bytes: Uint8Array): boolean {
  let length = 0;
  while (length < bytes.length) {
    const bytesRead = readSync(file, bytes, length, bytes.length - length, null);
    if (bytesRead === 0) return false;
    length += bytesRead;
  }
  return true;
}
