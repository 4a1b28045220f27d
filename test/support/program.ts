import { join } from 'node:path';

/** Root of the project. */
export const PROJECT: string = join(import.meta.dirname, '../..');

/**
 * The command line that tests start: with `npm test` the bundle that users get, which starts in half the
 * time and is made before all tests (global-setup.ts); otherwise the source.
 */
export const PROGRAM: string =
  process.env['GDPFS_TEST_PROGRAM'] ?? join(PROJECT, 'src/cli/main.ts');

/** Node's cache of compiled code, for processes whose home is new each time. */
export const COMPILE_CACHE: string = join(PROJECT, 'node_modules/.cache/gdpfs-compile');
/** XDG_CACHE_HOME: the same for the bundle. */
export const CACHES: string = join(PROJECT, 'node_modules/.cache/gdpfs-test');
