/**
 * What must be done to one side of a copy or synchronization so that it becomes like the other. A
 * planner compares two trees and makes actions; an executor does them. Paths are relative to the
 * roots, parsed (`a/b`), in listing order: depth first, a directory before its content, names by
 * their UTF-8 bytes.
 */

/** One name in a tree, as either side knows it. */
export interface TreeEntry {
  readonly relative: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  /** Bytes; 0 for all but files. */
  readonly size: number;
  /** Permission bits, 0o7777. */
  readonly mode: number;
  readonly mtimeUs: number;
  /** Symbolic links. */
  readonly target?: string;
  /** Content root of a file in a volume, 32 bytes. */
  readonly content?: Uint8Array;
}

/** `entry` is what the destination is to have. */
export type Action =
  /** The content goes over, unless the destination turns out to have it already. */
  | { readonly kind: 'file'; readonly entry: TreeEntry; readonly reason: 'new' | 'changed' }
  | { readonly kind: 'symlink'; readonly entry: TreeEntry; readonly reason: 'new' | 'changed' }
  | { readonly kind: 'directory'; readonly entry: TreeEntry; readonly reason: 'new' | 'changed' }
  /** The content is the same: only mode and time are set. */
  | { readonly kind: 'attributes'; readonly entry: TreeEntry }
  /** With everything below it. */
  | { readonly kind: 'remove'; readonly entry: TreeEntry };
