/**
 * fast-check with one seed for all runs: what a check says depends on the change alone, and what it
 * found is found again. `GDPFS_TEST_SEED` names another seed, or is `random`.
 */
import fc from 'fast-check';

const SEED_DEFAULT = 20_261_127;

const wanted = process.env['GDPFS_TEST_SEED'] ?? String(SEED_DEFAULT);
if (wanted !== 'random') fc.configureGlobal({ seed: Number(wanted) });

export { fc };
