import { type ErrorCode, GdpfsError } from '../base/errors.ts';

/** What the system's refusals mean; anything else is `local_io`. */
const CODES: Readonly<Record<string, ErrorCode>> = {
  EEXIST: 'exists',
  EISDIR: 'is_a_directory',
  ENAMETOOLONG: 'name_too_long',
  ENOENT: 'not_found',
  ENOSPC: 'no_space',
  ENOTDIR: 'not_a_directory',
  ENOTEMPTY: 'not_empty',
  EDQUOT: 'no_space',
  EROFS: 'read_only',
};

const STATES: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'it exists',
  EIO: 'the disk reports an error',
  EISDIR: 'it is a directory',
  ELOOP: 'it is a symbolic link',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on the disk',
  ENOTDIR: 'it is not a directory',
  ENOTEMPTY: 'it is not empty',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
};

/** A failure of the local file system. `verb` is what was tried: `read`, `write`, `create`. */
export function localError(verb: string, path: string, cause: unknown): GdpfsError {
  if (cause instanceof GdpfsError) return cause;
  const system = systemCode(cause) ?? '';
  const state = STATES[system] ?? (system === '' ? String(cause) : system);
  return new GdpfsError(CODES[system] ?? 'local_io', `cannot ${verb} ${quote(path)}: ${state}`, {
    cause,
  });
}

/** The system's code of an error, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** A name for a message: escaped, since names may hold anything. */
export function quote(name: string): string {
  return JSON.stringify(name);
}
