import type { GdpfsError } from '../../base/errors.ts';
import type { ListingRow } from '../../wire/listing.ts';

/**
 * What must be done to one side of a copy or synchronization so that it becomes like the other. A
 * planner compares two trees and makes actions; an executor does them. Paths are relative to the
 * roots, parsed (`a/b`), in listing order (`comparePaths`): depth first, a directory before its
 * content, names by their UTF-8 bytes. Only a removal comes behind what is below it.
 */

/** One name in a tree, as either side knows it. A local one has no `content`. */
export type TreeEntry = ListingRow;

/** What a tree could not tell: nothing is done to this name on the other side, nor below it. */
export interface TreeFault {
  readonly relative: string;
  readonly kind: 'fault';
  readonly error: GdpfsError;
}

export type TreeItem = TreeEntry | TreeFault;

/** Everything below a root, in listing order, without the root, in pages that fit into memory. */
export type TreePages = AsyncIterable<readonly TreeItem[]>;

/** A tree with nothing in it. */
export async function* noPages(): TreePages {
  // Nothing to yield.
}

/** `entry` is what the destination is to have, `existing` what it has there. */
export type Action =
  /**
   * The content goes over. `unsure`: only a look at the content tells whether it must, because one
   * side does not know its digest; if it is the same, mode and time are set where they differ.
   */
  | {
      readonly kind: 'file';
      readonly entry: TreeEntry;
      readonly reason: 'new' | 'changed' | 'unsure';
      readonly existing?: TreeEntry;
    }
  | {
      readonly kind: 'symlink';
      readonly entry: TreeEntry;
      readonly reason: 'new' | 'changed';
      readonly existing?: TreeEntry;
    }
  /** `changed`: it is there, and gets another mode or time. */
  | {
      readonly kind: 'directory';
      readonly entry: TreeEntry;
      readonly reason: 'new' | 'changed';
      readonly existing?: TreeEntry;
    }
  /** The content of a file is the same: only mode and time are set. */
  | { readonly kind: 'attributes'; readonly entry: TreeEntry; readonly existing: TreeEntry }
  /**
   * `entry` goes, with everything below it: `count` names in all. What comes behind it may need its
   * place, so it is done before that.
   */
  | { readonly kind: 'remove'; readonly entry: TreeEntry; readonly count: number }
  /** Cannot be done: something of another kind is in the way, and nothing may be removed. */
  | { readonly kind: 'conflict'; readonly entry: TreeEntry; readonly existing: TreeEntry };

/** Actions in the planner's order, some at a time. */
export type ActionPages = AsyncIterable<readonly Action[]>;
