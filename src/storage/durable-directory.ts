import { closeSync, fsyncSync, mkdirSync, openSync } from 'node:fs';
import { dirname, resolve } from 'node:path';

/**
 * Makes `directory` and its missing parents, for their owner only. Durable when it returns: what is
 * synced in a folder is still lost if the folder's own name is not.
 */
export function makeDurableDirectory(directory: string): void {
  const path = resolve(directory);
  const first = mkdirSync(path, { recursive: true, mode: 0o700 });
  // A folder that was there may be one that a process made and was killed before it could sync.
  const top = dirname(first === undefined ? path : resolve(first));
  let parent = dirname(path);
  syncDirectory(parent);
  while (parent !== top) {
    parent = dirname(parent);
    syncDirectory(parent);
  }
}

/** Makes additions, renames and removals of names in `directory` durable. */
export function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
