/** `node --test --test-global-setup=`: what is done once, before and after all tests. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundleProgram } from '../../tools/bundle.ts';
import { COMPILE_CACHE } from './program.ts';

/** Two levels below the root, as the bundle must be; its own of each run. */
const FOLDER = join(import.meta.dirname, `../../dist/test-${process.pid}`);

export async function globalSetup(): Promise<void> {
  await bundleProgram(FOLDER);
  process.env['GDPFS_TEST_PROGRAM'] = join(FOLDER, 'main.cjs');
  // Every file of tests is a process of its own, and most load the same modules.
  process.env['NODE_COMPILE_CACHE'] ??= COMPILE_CACHE;
}

export function globalTeardown(): void {
  rmSync(FOLDER, { recursive: true, force: true });
}
