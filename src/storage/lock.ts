import { DatabaseSync } from 'node:sqlite';
import { GdpfsError } from '../base/errors.ts';

/** SQLite's result code for a lock that another connection has. */
const SQLITE_BUSY = 5;

/**
 * Holds the store in `directory` for this process until disposed. The lock is an exclusive SQLite
 * transaction: the operating system ends it with the process, so unlike a pid file it is never stale.
 * Nothing is written, so it works on a full disk. Throws `locked`.
 */
export function lockStore(directory: string): Disposable {
  const database = new DatabaseSync(`${directory}/lock.sqlite`, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = MEMORY; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
    if (!(cause instanceof Error && 'errcode' in cause && cause.errcode === SQLITE_BUSY)) {
      throw new GdpfsError('local_io', `cannot lock store "${directory}": ${String(cause)}`, {
        cause,
      });
    }
    throw new GdpfsError(
      'locked',
      `cannot open store "${directory}": another process has it open`,
      {
        cause,
        hint: 'stop the server that uses this folder, or give another folder with --data',
      },
    );
  }
  return {
    [Symbol.dispose]() {
      database.close();
    },
  };
}
