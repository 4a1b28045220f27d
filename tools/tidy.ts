import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { ERRORS } from '../src/base/errors.ts';
import { LIMITS } from '../src/base/limits.ts';
import { CHECKS, type SourceFile } from './tidy-checks.ts';

/** `npm run tidy`: prints what breaks the house rules; exits 1 if anything does. */

const ROOT = join(import.meta.dirname, '..');

/** Folders with nothing in them that people write. Hidden ones are skipped too, except .ci. */
const SKIPPED = new Set(['node_modules', 'dist', 'generated', 'gdpfs-data']);

function readTree(directory: string): SourceFile[] {
  return readdirSync(directory, { withFileTypes: true }).flatMap((entry) => {
    const path = join(directory, entry.name);
    if (entry.name.startsWith('.') && entry.name !== '.ci') return [];
    if (entry.isDirectory()) return SKIPPED.has(entry.name) ? [] : readTree(path);
    if (!entry.isFile()) return [];
    return [{ path: relative(ROOT, path), text: readFileSync(path, 'utf8') }];
  });
}

const tree = {
  files: readTree(ROOT),
  errorCodes: Object.keys(ERRORS),
  limitNames: Object.keys(LIMITS),
};

let count = 0;
for (const [name, check] of Object.entries(CHECKS)) {
  for (const { path, message } of check(tree)) {
    console.log(`${path}: ${message} (${name})`);
    count += 1;
  }
}
console.log(`tidy: ${tree.files.length} files, ${count} findings`);
process.exitCode = count === 0 ? 0 : 1;
