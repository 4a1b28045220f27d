import type { ErrorCode } from './errors.ts';

/** What the operating system's refusals mean; anything else is `local_io`. */
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
  EADDRINUSE: 'the address is in use',
  EADDRNOTAVAIL: 'no such address on this machine',
  EDQUOT: 'the disk quota is used up',
  EEXIST: 'it exists',
  EIO: 'the disk reports an error',
  EISDIR: 'it is a directory',
  ELOOP: 'it is a symbolic link, or leads through a loop of them',
  EMFILE: 'too many open files',
  ENAMETOOLONG: 'the name is too long',
  ENOENT: 'no such file or directory',
  ENOSPC: 'no space left on the disk',
  ENOTDIR: 'it is not a directory',
  ENOTEMPTY: 'it is not empty',
  ENOTFOUND: 'no such host',
  EPERM: 'not permitted',
  EROFS: 'the file system is read-only',
};

/** The system's code of an error, such as `ENOENT`. */
export function systemCode(error: unknown): string | undefined {
  if (!(error instanceof Error) || !('code' in error)) return undefined;
  return typeof error.code === 'string' ? error.code : undefined;
}

/** The code of ours that an error of the local file system has. */
export function systemErrorCode(error: unknown): ErrorCode {
  return CODES[systemCode(error) ?? ''] ?? 'local_io';
}

/** The state that a message gives: words, or the system's own code where there are none. */
export function systemState(error: unknown): string {
  const code = systemCode(error);
  return code === undefined ? String(error) : (STATES[code] ?? code);
}
