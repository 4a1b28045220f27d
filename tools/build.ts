import { cpSync, globSync } from 'node:fs';
import { join } from 'node:path';
import { bundleProgram } from './bundle.ts';

/** `npm run build`, behind `tsc -b`: what the compiler does not put into dist. */

const ROOT = join(import.meta.dirname, '..');

// Generated modules are JavaScript with declarations already.
for (const path of globSync('src/*/generated/*.{js,d.ts}', { cwd: ROOT })) {
  cpSync(join(ROOT, path), join(ROOT, path.replace(/^src/, 'dist')));
}

await bundleProgram(join(ROOT, 'dist/program'));
