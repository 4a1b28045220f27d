import { lstatSync, opendirSync } from 'node:fs';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { systemCode } from '../base/system-error.ts';
import { quote } from './local-error.ts';
import { foldName } from './name-folding.ts';

/** Entries of a directory read at once. */
const LISTING_BUFFER = 1024;

/**
 * The names of one directory, where its file system may take one of them for another. Where it does
 * not, this costs nothing.
 */
export class LocalNames {
  readonly #directory: string;
  readonly #folds: boolean;
  readonly #isThere: (path: string) => boolean;
  /** What will be there, by `foldName`. */
  readonly #claims = new Map<string, string>();
  /** Names found in the directory, some of them. */
  #found = new Set<string>();

  /** `isThere`: does the file system find something at a path? */
  constructor(
    directory: string,
    options: { readonly folds: boolean; readonly isThere?: (path: string) => boolean },
  ) {
    this.#directory = directory;
    this.#folds = options.folds;
    this.#isThere = options.isThere ?? isThere;
  }

  /**
   * The name is about to be used. Throws `exists` if the file system takes it for another that was
   * claimed before, or that is there.
   */
  claim(name: string): void {
    if (!this.#folds) return;
    const key = foldName(name);
    const other = this.#claims.get(key) ?? this.#otherThere(name, key);
    if (other !== undefined && other !== name) {
      throw new GdpfsError(
        'exists',
        `cannot create ${quote(`${this.#directory}/${name}`)}: the file system takes it for ${quote(other)}, need names that differ in more than case`,
      );
    }
    if (this.#claims.size < LIMITS.claimedNamesMax) this.#claims.set(key, name);
  }

  /** Nothing has the name any more. */
  free(name: string): void {
    if (!this.#folds) return;
    this.#claims.delete(foldName(name));
    this.#found.delete(name);
  }

  /** What is there instead of `name`, if the file system finds something else by that name. */
  #otherThere(name: string, key: string): string | undefined {
    if (this.#found.has(name) || !this.#isThere(`${this.#directory}/${name}`)) return undefined;
    let other: string | undefined;
    this.#found = new Set();
    const entries = opendirSync(this.#directory, { bufferSize: LISTING_BUFFER });
    try {
      for (let entry = entries.readSync(); entry !== null; entry = entries.readSync()) {
        if (entry.name === name) other = name;
        else if (other === undefined && foldName(entry.name) === key) other = entry.name;
        if (this.#found.size < LIMITS.claimedNamesMax) this.#found.add(entry.name);
      }
    } finally {
      entries.closeSync();
    }
    return other;
  }
}

/** Nothing is in a directory that is none: whoever writes there hears of it. */
function isThere(path: string): boolean {
  try {
    return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (cause) {
    if (systemCode(cause) === 'ENOTDIR') return false;
    throw cause;
  }
}
