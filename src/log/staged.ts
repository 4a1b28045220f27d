import type { FileLogPart, RequestResult } from '../format/commit.ts';
import type { VolumeRow } from './volume-table.ts';

/** What a transaction adds to one log; becomes one commit. */
export interface Staged {
  /** As it was before, but for a policy that is staged: its key signs the commit. */
  volume: VolumeRow;
  readonly records: Uint8Array[];
  readonly parts: FileLogPart[];
  /**
   * Records of the file logs in `parts`, these included: in as many of them as were looked at, since
   * nobody asks for a log that is new.
   */
  readonly logs: { readonly counts: Map<string, number>; parts: number };
  readonly results: RequestResult[];
  /** Digests of the chunks that `parts` name. */
  readonly used: Uint8Array[];
  /** Of the commit that it becomes, where the key is not here. */
  signature?: Omit<Signature, 'volume'>;
}

/** What a writer whose key is not here has signed. */
export interface Signature {
  /** Index id of the log. */
  readonly volume: number;
  /** The checkpoint over all that the change appends, signed. */
  readonly note: Uint8Array;
  /** That the checkpoint says. */
  readonly timeMs: number;
}
