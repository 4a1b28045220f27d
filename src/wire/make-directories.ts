import { mkdirSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { systemCode } from '../base/system-error.ts';

/**
 * Makes `directory` and its missing parents; returns the uppermost that it made, undefined if all were
 * there. `mode` is that of what is made, less the umask. Throws what the system says of the directory that
 * cannot be made: Node's own `recursive` says ENOENT of a read-only file system, and tries without end where
 * the system does, as in /proc.
 */
export function makeDirectories(directory: string, mode = 0o777): string | undefined {
  const path = resolve(directory);
  try {
    return make(path, mode);
  } catch (error) {
    const parent = dirname(path);
    if (systemCode(error) !== 'ENOENT' || parent === path) throw error;
    const first = makeDirectories(parent, mode);
    const own = make(path, mode);
    return first ?? own;
  }
}

/** Undefined if it is there. */
function make(path: string, mode: number): string | undefined {
  try {
    mkdirSync(path, { mode });
    return path;
  } catch (error) {
    if (isDirectory(path)) return undefined;
    throw error;
  }
}

function isDirectory(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}
