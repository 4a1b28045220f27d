import { rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { LIMITS } from '../base/limits.ts';
import { findParts, isJournal, journalPath, partPrefix } from './part-names.ts';
import type { TransferOptions } from './transfer-options.ts';

/**
 * What unfinished downloads left beside their targets: of other versions, or by a crash between two
 * names. A directory is read once for all files of a command, or a directory of many large files
 * would be read for each of them.
 */
export class Leftovers {
  readonly #directories = new Map<string, Map<string, Set<string>>>();

  /** Paths of the parts of `target`, but not of `part` itself. */
  partsOf(target: string, part: string): string[] {
    const directory = dirname(target);
    const names = [...this.#namesOf(target)].filter((name) => !isJournal(name));
    return names.map((name) => join(directory, name)).filter((path) => path !== part);
  }

  /** Was `part` there when the directory was read, or added since? */
  has(target: string, part: string): boolean {
    return this.#namesOf(target).has(basename(part));
  }

  /** There is no such part any more. */
  forget(target: string, part: string): void {
    this.#namesOf(target).delete(basename(part));
  }

  /** There is a part of `target` now, and perhaps a journal. */
  add(target: string, part: string): void {
    this.#namesOf(target)
      .add(basename(part))
      .add(basename(journalPath(part)));
  }

  /** Removes all parts and journals of a target that is finished. */
  async remove(target: string): Promise<void> {
    const names = this.#namesOf(target);
    for (const name of names) {
      // A part that cannot be removed is no reason to fail what is done.
      await rm(join(dirname(target), name), { force: true }).catch(() => {});
    }
    names.clear();
  }

  #namesOf(target: string): Set<string> {
    const parts = this.#read(dirname(target));
    const prefix = partPrefix(target);
    const names = parts.get(prefix) ?? new Set();
    parts.set(prefix, names);
    return names;
  }

  #read(directory: string): Map<string, Set<string>> {
    const known = this.#directories.get(directory);
    if (known !== undefined) return known;
    const [oldest] = this.#directories.keys();
    if (oldest !== undefined && this.#directories.size === LIMITS.partDirectoriesMax) {
      this.#directories.delete(oldest);
    }
    const parts = readParts(directory);
    this.#directories.set(directory, parts);
    return parts;
  }
}

function readParts(directory: string): Map<string, Set<string>> {
  try {
    return findParts(directory);
  } catch {
    // A directory that cannot be read can still be written to.
    return new Map();
  }
}

const known = new WeakMap<TransferOptions, Leftovers>();

/** The leftovers that the files of one command share; its options are one object. */
export function leftoversOf(transfer: TransferOptions): Leftovers {
  let leftovers = known.get(transfer);
  if (leftovers === undefined) {
    leftovers = new Leftovers();
    known.set(transfer, leftovers);
  }
  return leftovers;
}
