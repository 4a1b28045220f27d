import { bytesEqual } from '../base/bytes.ts';
import { contentRoot } from '../format/content.ts';
import { foldFileLog } from '../format/file-pins.ts';
import type { Manifest } from '../format/manifest.ts';
import type { Entry, FileState } from './types.ts';
import { PathError } from './path-error.ts';

/** Throws `is_a_directory` or, for a symbolic link, `not_a_file`. */
export function requireFile(entry: Entry): FileState {
  if (entry.kind === 'directory') {
    throw new PathError(
      'is_a_directory',
      (name) => `cannot read ${name(entry.path)}: it is a directory`,
    );
  }
  if (entry.file === undefined) {
    throw new PathError(
      'not_a_file',
      (name) => `cannot read ${name(entry.path)}: it is a symbolic link`,
    );
  }
  return entry.file;
}

/** What a file's log says, if that is what its dentry pins. Throws `corrupt`. */
export function foldRecords(
  path: string,
  state: FileState,
  records: readonly Uint8Array[],
): Manifest {
  const manifest = foldFileLog(records);
  if (!bytesEqual(contentRoot(manifest), state.content)) {
    throw new PathError(
      'corrupt',
      (name) => `cannot read ${name(path)}: its log is not what was signed`,
    );
  }
  return manifest;
}
