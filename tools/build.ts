import { cpSync, globSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundleWebPage } from '../src/server/web-bundle.ts';
import { bundleProgram, licensesOf } from './bundle.ts';

/** `npm run build`, behind `tsc -b`: what the compiler does not put into dist. */

const ROOT = join(import.meta.dirname, '..');

// Generated modules are JavaScript with declarations already.
for (const path of globSync('src/*/generated/*.{js,d.ts}', { cwd: ROOT })) {
  cpSync(join(ROOT, path), join(ROOT, path.replace(/^src/, 'dist')));
}

await bundleProgram(join(ROOT, 'dist/program'));

const page = join(ROOT, 'dist/web');
rmSync(page, { recursive: true, force: true });
mkdirSync(page, { recursive: true });
const { files, metafile } = await bundleWebPage();
for (const [name, bytes] of files) writeFileSync(join(page, name), bytes);
writeFileSync(join(page, 'LICENSES.txt'), licensesOf(metafile));
