import { ERRORS } from '../base/errors.ts';

/**
 * A process ends when nothing keeps it running, done or not, and with 0: a bug that would look like success. From now
 * on that is an error, until the function that this returns is called.
 */
export function reportEarlyEnd(): () => void {
  const report = (): void => {
    process.stderr.write('gdpfs: error: internal error: it ended before it was done\n');
    process.exitCode = ERRORS.internal.exit;
  };
  process.once('beforeExit', report);
  return () => void process.off('beforeExit', report);
}
