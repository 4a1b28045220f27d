/** Data to copy. All of it is new random bytes: content that is there already is not sent again. */
import { randomFillSync } from 'node:crypto';
import { closeSync, ftruncateSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';

export const MIB = 1024 * 1024;
const SMALL_FILE_BYTES = 4096;
const FILES_PER_DIRECTORY = 100;

export function makeFile(path: string, size: number): void {
  const bytes = Buffer.alloc(MIB);
  const file = openSync(path, 'w');
  for (let length = 0; length < size; length += MIB) {
    writeSync(file, randomFillSync(bytes), 0, Math.min(MIB, size - length));
  }
  closeSync(file);
}

/** A file of `size` bytes with `pieces` MiB of data, evenly scattered, and holes between. */
export function makeSparseFile(path: string, size: number, pieces: number): void {
  const bytes = Buffer.alloc(MIB);
  const file = openSync(path, 'w');
  ftruncateSync(file, size);
  for (let index = 0; index < pieces; index += 1) {
    const offset = Math.floor((index * size) / pieces / MIB) * MIB;
    writeSync(file, randomFillSync(bytes), 0, MIB, offset);
  }
  closeSync(file);
}

/** Files of 4 KiB in directories under `root`. */
export function makeTree(
  root: string,
  files: number,
  filesPerDirectory = FILES_PER_DIRECTORY,
): void {
  for (let index = 0; index < files; index += 1) {
    const directory = join(root, String(Math.floor(index / filesPerDirectory)));
    if (index % filesPerDirectory === 0) mkdirSync(directory, { recursive: true });
    makeSmallFile(join(directory, `file-${index}`));
  }
}

/** New content for every `step`-th file of such a tree, from `first` on; the result says for how many. */
export function changeTree(
  root: string,
  { files, first, step }: { readonly files: number; readonly first: number; readonly step: number },
): number {
  let changed = 0;
  for (let index = first; index < files; index += step) {
    const directory = String(Math.floor(index / FILES_PER_DIRECTORY));
    makeSmallFile(join(root, directory, `file-${index}`));
    changed += 1;
  }
  return changed;
}

const smallBytes = Buffer.alloc(SMALL_FILE_BYTES);

function makeSmallFile(path: string): void {
  writeFileSync(path, randomFillSync(smallBytes));
}
