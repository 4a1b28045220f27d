import { bytesEqual } from '../../base/bytes.ts';
import type { TreeEntry } from './action.ts';

/** What makes two files the same, beside their size. */
export type CompareBy =
  /** Nothing. */
  | 'size'
  /** Their time. */
  | 'time'
  /** The digest of their content. */
  | 'content';

export interface CompareOptions {
  readonly by: CompareBy;
  /** Microseconds: the coarser of what both sides can store. 1 if absent. */
  readonly precisionUs?: number | undefined;
  /** Permission bits that both sides can store. All if absent. */
  readonly modeMask?: number | undefined;
}

/**
 * `attributes`: the content is the same, mode or time differ. `unsure`: one side does not know the
 * digest of its content, and nothing else says that they differ.
 */
export type Difference = 'same' | 'attributes' | 'changed' | 'unsure';

const MODE_MASK = 0o7777;

/** How the destination's entry differs from the source's of the same name. */
export function compareEntries(
  source: TreeEntry,
  destination: TreeEntry,
  options: CompareOptions,
): Difference {
  if (source.kind !== destination.kind) return 'changed';
  if (source.kind === 'symlink') {
    // A link's mode means nothing, and most systems cannot set it.
    const isSame = source.target === destination.target && isSameTime(source, destination, options);
    return isSame ? 'same' : 'changed';
  }
  if (source.kind === 'file') {
    const difference = compareFiles(source, destination, options);
    if (difference !== 'same') return difference;
  }
  return hasSameAttributes(source, destination, options) ? 'same' : 'attributes';
}

/** Have they the same mode and time, as far as both sides can store them? */
export function hasSameAttributes(
  source: TreeEntry,
  destination: TreeEntry,
  options: Omit<CompareOptions, 'by'>,
): boolean {
  const { modeMask = MODE_MASK } = options;
  return (
    ((source.mode ^ destination.mode) & modeMask) === 0 && isSameTime(source, destination, options)
  );
}

function compareFiles(
  source: TreeEntry,
  destination: TreeEntry,
  options: CompareOptions,
): Difference {
  if (source.size !== destination.size) return 'changed';
  switch (options.by) {
    case 'size':
      return 'same';
    case 'time':
      return isSameTime(source, destination, options) ? 'same' : 'changed';
    case 'content': {
      if (source.content === undefined || destination.content === undefined) return 'unsure';
      return bytesEqual(source.content, destination.content) ? 'same' : 'changed';
    }
  }
}

function isSameTime(
  left: TreeEntry,
  right: TreeEntry,
  { precisionUs = 1 }: Omit<CompareOptions, 'by'>,
): boolean {
  if (left.mtimeUs === right.mtimeUs) return true;
  return Math.floor(left.mtimeUs / precisionUs) === Math.floor(right.mtimeUs / precisionUs);
}
