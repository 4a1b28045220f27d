import { rm } from 'node:fs/promises';

/**
 * Folders with trees of many files, which stay until everything was measured. On ext4 without a journal an
 * inode is not used again for minutes after its file was removed, and whoever creates a file looks at
 * each of them in its group first (`recently_deleted` in the kernel): 10,000 files took up to ten times
 * as long, for whoever came first behind the removal of a tree.
 */
const folders: string[] = [];

export function keepTrees(folder: string): void {
  folders.push(folder);
}

/** When nothing more is measured. */
export async function removeKeptTrees(): Promise<void> {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true, force: true });
}
