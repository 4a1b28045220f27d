import { open, readFile, rename } from 'node:fs/promises';
import { dirname } from 'node:path';
import { GdpfsError } from '../base/errors.ts';
import { makeDirectories } from './make-directories.ts';
import { systemCode, systemState } from '../base/system-error.ts';

/** Permission bits of files that hold a secret, and of the folders around them. */
const FILE_MODE = 0o600;
const DIRECTORY_MODE = 0o700;

/** Makes `directory` and its missing parents, for its owner only. No error if present. */
export async function makePrivateDirectory(directory: string): Promise<void> {
  try {
    makeDirectories(directory, DIRECTORY_MODE);
  } catch (cause) {
    throw localError(`create ${JSON.stringify(directory)}`, cause);
  }
}

/**
 * Replaces a small file whole or not at all, durable on return: keys, certificates, configuration.
 * Only its owner can read it. One writer at a time for each path.
 */
export async function writePrivateFile(path: string, text: string | Uint8Array): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const file = await open(temporary, 'w', FILE_MODE);
    try {
      await file.chmod(FILE_MODE);
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
    await syncDirectory(dirname(path));
  } catch (cause) {
    throw localError(`write ${JSON.stringify(path)}`, cause);
  }
}

/** The file's text, or undefined if there is no such file. */
export async function readPrivateFile(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    if (systemCode(cause) === 'ENOENT') return undefined;
    throw localError(`read ${JSON.stringify(path)}`, cause);
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

function localError(action: string, cause: unknown): GdpfsError {
  const code = systemCode(cause) === 'ENOSPC' ? 'no_space' : 'local_io';
  return new GdpfsError(code, `cannot ${action}: ${systemState(cause)}`, { cause });
}
