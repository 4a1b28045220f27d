/**
 * The disk as the storage layer needs it. `openNodeDisk` is the real one; tests run the same code
 * on a disk that forgets and reorders whatever was not synced.
 *
 * Paths are relative to the disk's root and use `/`. Nothing here retries.
 */
export interface Disk {
  /** Opens for reading and writing. `create: true` makes an empty file, and throws if one exists. */
  open(path: string, options?: { readonly create?: boolean }): Promise<DiskFile>;
  /** Names in `directory`, sorted; empty if the directory is missing. */
  list(directory: string): Promise<string[]>;
  /** Makes `directory` and its parents; no error if present. Durable after syncDirectory of each. */
  makeDirectory(directory: string): Promise<void>;
  /** Atomically gives the file a new name, replacing what had it. Durable after syncDirectory. */
  rename(source: string, target: string): Promise<void>;
  /** Removes a file; no error if absent. Durable after syncDirectory. */
  remove(path: string): Promise<void>;
  /** Makes additions, renames and removals of names in `directory` durable. */
  syncDirectory(directory: string): Promise<void>;
  /** Bytes that may still be written. */
  freeBytes(): Promise<number>;
}

/** An open file. Calls may overlap; a failed `write` or `sync` means: close it and trust nothing. */
export interface DiskFile {
  /**
   * Reads into `target` from `position`; returns the bytes read, fewer only at the end of file. `aside`
   * from the page cache, if that is possible and `target` lies as a direct read wants it.
   */
  read(
    target: Uint8Array,
    position: number,
    options?: { readonly aside?: boolean },
  ): Promise<number>;
  /** Writes all of `parts` one behind the other from `position`, or throws. Not durable until `sync`. */
  write(parts: readonly Uint8Array[], position: number): Promise<void>;
  /**
   * `write`, durable when it resolves. What other calls have written need not be: it may take one call of
   * the system, where a write and a sync take two turns of the event loop.
   */
  writeDurably(parts: readonly Uint8Array[], position: number): Promise<void>;
  /** fdatasync: what was written before the call is durable when it resolves. */
  sync(): Promise<void>;
  /** Bytes. */
  size(): Promise<number>;
  /** Bytes that it takes of the disk: less than its size if nothing was ever written in some places. */
  allocatedBytes(): Promise<number>;
  truncate(size: number): Promise<void>;
  close(): Promise<void>;
}
