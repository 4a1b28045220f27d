import type { TarEntry } from '../wire/tar.ts';
import { encodeTar } from '../wire/tar-writer.ts';

/** The body of one tar stream and what is in it. */
export interface TarBody {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly files: number;
  readonly directories: number;
  readonly links: number;
  /** Bytes of the files. */
  readonly size: number;
}

export async function makeTarBody(entries: readonly TarEntry[]): Promise<TarBody> {
  const counts = { file: 0, reference: 0, directory: 0, symlink: 0 };
  let size = 0;
  for (const entry of entries) {
    counts[entry.kind] += 1;
    if (entry.kind === 'file') size += entry.data.length;
  }
  return {
    bytes: encodeTar(entries),
    files: counts.file + counts.reference,
    directories: counts.directory,
    links: counts.symlink,
    size,
  };
}
