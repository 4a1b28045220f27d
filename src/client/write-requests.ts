import type { Fault } from '../base/fault.ts';
import type { LocalAttributes } from './local-attributes.ts';

/** What the thread that writes a received tree is asked, and what it answers. */

/** What is to be done with a row. Never sent to another version. */
export const STEP = {
  directory: 0,
  /** Only mode and time of what is there. */
  attributes: 1,
  symlink: 2,
  /** What is there goes. */
  remove: 3,
  /** A file that will be fetched. */
  file: 4,
  /** The same, unless it is there already. */
  fileUnlessThere: 5,
} as const;

/** What became of it. */
export const OUTCOME = {
  done: 0,
  /** The content is there already. */
  same: 1,
  /** The file must be fetched; its directory exists. */
  pending: 2,
  /** The same, and what is there has its size and its time. */
  pendingAlike: 3,
  fault: 4,
} as const;

export type WriteRequest =
  /** Before all others, once. Throws if the directory cannot be read. */
  | {
      readonly kind: 'open';
      /** Local directory that exists. */
      readonly target: string;
      /** Also make links that lead out of it. */
      readonly unsafeLinks: boolean;
    }
  /** In order, everything but the content of files. Remembered, for `files`, until its `finish`. */
  | {
      readonly kind: 'steps';
      readonly batch: number;
      /** A listing, whose paths may be hostile. */
      readonly rows: Uint8Array<ArrayBuffer>;
      /** A `STEP` for each row. */
      readonly steps: Uint8Array<ArrayBuffer>;
      /** Directories in which unfinished downloads have left something; undefined if that is not known. */
      readonly partsIn: ReadonlySet<string> | undefined;
    }
  /** Files that should be in `pack`. */
  | {
      readonly kind: 'files';
      readonly batch: number;
      /** Rows of the batch, in the order in which they were asked for. */
      readonly rows: Uint32Array<ArrayBuffer>;
      readonly pack: Uint8Array;
    }
  /** Batches that are done, and directories whose content is complete, the deepest first. */
  | {
      readonly kind: 'finish';
      readonly batches: readonly number[];
      readonly directories: readonly {
        readonly relative: string;
        readonly attributes?: LocalAttributes;
      }[];
    };

export interface Outcomes {
  /** An `OUTCOME` for each row or directory of the request. */
  readonly codes: Uint8Array<ArrayBuffer>;
  readonly faults: ReadonlyMap<number, Fault>;
}
