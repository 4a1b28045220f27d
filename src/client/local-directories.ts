import { makeDirectories } from '../wire/make-directories.ts';
import { localError } from './local-error.ts';

/** Makes a local directory and its missing parents. No error if it is there. */
export function makeLocalDirectories(path: string): void {
  try {
    makeDirectories(path);
  } catch (cause) {
    throw localError('create', path, cause);
  }
}
