import { DatabaseSync } from 'node:sqlite';
import { GdpfsError } from '../base/errors.ts';

/**
 * Holds the store in `directory` for this process until disposed. The lock is an exclusive SQLite
 * transaction: the operating system ends it with the process, so unlike a pid file it is never stale.
 * Throws `locked`.
 */
export function lockStore(directory: string): Disposable {
  const database = new DatabaseSync(`${directory}/lock.sqlite`, { timeout: 0 });
  try {
    database.exec('PRAGMA journal_mode = DELETE; BEGIN EXCLUSIVE');
  } catch (cause) {
    database.close();
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
