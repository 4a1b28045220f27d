import type { Fault } from '../base/fault.ts';
import type { FilterRule } from './sync/filter.ts';

/** What the threads that read a local tree are asked, and what they answer. */

export interface LocalWorkerData {
  /** Local directory. */
  readonly root: string;
  readonly rules: readonly FilterRule[];
  /** Nearly all of it will be packed: the thread begins with the first page before it is asked. */
  readonly packsAhead?: true;
}

export type LocalRequest =
  /** The next page; of the first one on if `isFirst`. */
  | {
      readonly kind: 'list';
      readonly isFirst: boolean;
      /** Packs the part that ends in the page, too. */
      readonly packs: boolean;
      /** As for `pack`. */
      readonly memory?: ArrayBufferLike | undefined;
    }
  /** Reads the small files of `rows`, a listing. The content root of a row is what its file may have. */
  | {
      readonly kind: 'pack';
      readonly rows: Uint8Array;
      /** Of a pack that is not needed any more, to write this one into. */
      readonly memory?: ArrayBufferLike | undefined;
    }
  /** Packs anew what was packed: each row the way that `ways` says. */
  | ({ readonly kind: 'repack'; readonly rows: Uint8Array; readonly ways: Uint8Array } & Pick<
      Packed,
      'digests' | 'places' | 'pack'
    >);

export type LocalAnswer = ListedPage | Packed | Repacked;

export interface ListedPage {
  readonly kind: 'list';
  readonly rows: Uint8Array<ArrayBuffer>;
  /** Each before the row with this index. */
  readonly faults: readonly (RowFault & { readonly relative: string })[];
  /** Directories, relative, in which unfinished downloads have left something; the walk has just come to them. */
  readonly partsIn: readonly string[];
  readonly isLast: boolean;
  /** A part that ends in the page, and that nobody has asked for yet. */
  readonly packed: PackedAhead | undefined;
}

/** Of small files, links and directories, as they follow each other in the listing. */
export interface PackedAhead extends Packed {
  /** Its rows: those behind the part before. */
  readonly count: number;
}

export interface RowFault {
  readonly index: number;
  readonly fault: Fault;
}

export interface Packed {
  readonly kind: 'pack';
  /** A listing: the rows as they are now; undefined if that is how they were asked for. */
  readonly rows: Uint8Array<ArrayBuffer> | undefined;
  /** One for each row: its digest, or zeros. */
  readonly digests: Uint8Array<ArrayBuffer>;
  /** 1 for each row whose file has the content root that the row said. */
  readonly isSame: Uint8Array<ArrayBuffer>;
  /** One for each row: where its content begins in the pack. */
  readonly places: Uint32Array<ArrayBuffer>;
  readonly faults: readonly RowFault[];
  /** All rows without a fault, whole, in shared memory: other memory of this size makes V8 collect garbage. */
  readonly pack: Uint8Array;
}

export interface Repacked {
  readonly kind: 'repack';
  /** Undefined if nothing travels. */
  readonly pack: Uint8Array | undefined;
}

/** How a row travels. */
export const WAY = { none: 0, whole: 1, reference: 2 } as const;
