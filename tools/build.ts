import { chmodSync, cpSync, globSync } from 'node:fs';
import { join } from 'node:path';

/** `npm run build`, behind `tsc -b`: what the compiler does not put into dist. */

const ROOT = join(import.meta.dirname, '..');

// Generated modules are JavaScript with declarations already.
for (const path of globSync('src/*/generated/*.{js,d.ts}', { cwd: ROOT })) {
  cpSync(join(ROOT, path), join(ROOT, path.replace(/^src/, 'dist')));
}

chmodSync(join(ROOT, 'dist/cli/main.js'), 0o755);
