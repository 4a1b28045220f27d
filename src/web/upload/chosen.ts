import { LIMITS } from '../../base/limits.ts';

/** What somebody has chosen or dropped: files, and directories without any, by their paths below where they go. */
export interface Chosen {
  readonly files: readonly { readonly path: string; readonly file: File }[];
  readonly directories: readonly string[];
}

/** Throws Error if there are too many. */
export function chosenFiles(list: FileList | null): Chosen {
  const files = [...(list ?? [])].map((file) => ({
    path: file.webkitRelativePath === '' ? file.name : file.webkitRelativePath,
    file,
  }));
  requireFew(files.length);
  return { files, directories: [] };
}

/** To be called before the event of the drop is over. */
export async function droppedFiles(items: DataTransferItemList): Promise<Chosen> {
  const entries: FileSystemEntry[] = [];
  const files: { path: string; file: File }[] = [];
  for (const item of items) {
    const entry = item.webkitGetAsEntry();
    // Another page may drop what is in no directory.
    const file = entry === null ? item.getAsFile() : null;
    if (entry !== null) entries.push(entry);
    else if (file !== null) files.push({ path: file.name, file });
  }
  const directories: string[] = [];
  const waiting = [...entries];
  for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop()) {
    const path = entry.fullPath.replace(/^\//, '');
    if (entry.isDirectory) {
      const below = await entriesOf(entry as FileSystemDirectoryEntry);
      if (below.length === 0) directories.push(path);
      waiting.push(...below);
    } else {
      files.push({ path, file: await fileOf(entry as FileSystemFileEntry) });
      requireFew(files.length);
    }
  }
  return { files, directories };
}

async function entriesOf(directory: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = directory.createReader();
  const all: FileSystemEntry[] = [];
  // Some at a time, until there are none.
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) =>
      reader.readEntries(resolve, reject),
    );
    if (some.length === 0) return all;
    all.push(...some);
    requireFew(all.length);
  }
}

async function fileOf(entry: FileSystemFileEntry): Promise<File> {
  return await new Promise((resolve, reject) => entry.file(resolve, reject));
}

function requireFew(count: number): void {
  if (count <= LIMITS.pageFilesMax) return;
  throw new Error(
    `cannot send the files: there are more than ${LIMITS.pageFilesMax}; "gdpfs cp -r" takes any number`,
  );
}
