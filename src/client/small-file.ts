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
      const size = Number(stats.size);
      const bytes = new Uint8Array(size);
      let length = 0;
      while (length < size) {
        const bytesRead = readSync(file, bytes, length, size - length, null);
        if (bytesRead === 0) break;
        length += bytesRead;
      }
      if (length < size || !isSame(stats, fstatSync(file, { bigint: true }))) {
        throw sourceChanged(path);
      }
      return bytes;
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw localError('read', path, cause);
  }
}
