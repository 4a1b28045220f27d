import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { indexPath } from '../../src/log/open.ts';

/** What the index of a store was at some moment, by what is behind its name. */
export type IndexCopy = ReadonlyMap<'' | '-wal', Uint8Array>;

export function copyIndex(directory: string): IndexCopy {
  const path = indexPath(directory);
  const copy = new Map<'' | '-wal', Uint8Array>();
  for (const suffix of ['', '-wal'] as const) {
    if (existsSync(path + suffix)) copy.set(suffix, readFileSync(path + suffix));
  }
  return copy;
}

export function placeIndex(directory: string, copy: IndexCopy): void {
  for (const [suffix, bytes] of copy) writeFileSync(indexPath(directory) + suffix, bytes);
}
