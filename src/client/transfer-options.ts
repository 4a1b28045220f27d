/** How files are transferred, the same for every file of one command. */
export interface TransferOptions {
  /** Read and hash again what a journal says was verified before. */
  readonly recheck?: boolean | undefined;
  /** Downloads: a local file whose chunks are taken before any is fetched. */
  readonly reuse?: string | undefined;
  /** Compute the MD5 of both ends after each file that travels chunk by chunk, and compare. */
  readonly md5?: boolean | undefined;
  /** Downloads: also make symbolic links that lead out of the tree. */
  readonly unsafeLinks?: boolean | undefined;
  /** Folder of the journals of unfinished uploads; without it none are kept. */
  readonly journalDirectory?: string | undefined;
}
