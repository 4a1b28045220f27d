import { constants } from 'node:fs';
import { type FileHandle, open, statfs } from 'node:fs/promises';
import { DIRECT_FILE_SYSTEMS } from '../base/direct-io.ts';

/** Absent where the system has no such flag. */
const O_DIRECT: number | undefined = constants.O_DIRECT;

/** The open file once more, past the page cache; undefined where that is not possible. */
export async function openDirect(
  handle: FileHandle,
  access: number,
): Promise<FileHandle | undefined> {
  if (O_DIRECT === undefined) return undefined;
  // By its descriptor: at its path there may be another file by now.
  const path = `/proc/self/fd/${handle.fd}`;
  try {
    const { type } = await statfs(path);
    if (!DIRECT_FILE_SYSTEMS.has(type)) return undefined;
    return await open(path, access | O_DIRECT);
  } catch {
    return undefined;
  }
}
