import { GdpfsError } from '../base/errors.ts';
import { systemErrorCode, systemState } from '../base/system-error.ts';

/** A failure of the local file system. `verb` is what was tried: `read`, `write`, `create`. */
export function localError(verb: string, path: string, cause: unknown): GdpfsError {
  if (cause instanceof GdpfsError) return cause;
  const message = `cannot ${verb} ${quote(path)}: ${systemState(cause)}`;
  return new GdpfsError(systemErrorCode(cause), message, { cause });
}

/** A name for a message: escaped, since names may hold anything. */
export function quote(name: string): string {
  return JSON.stringify(name);
}
