import type { FilterRule } from './sync/filter.ts';
import type { Fault } from './tree-worker.ts';

/** What the threads that read a local tree are asked, and what they answer. */

export interface LocalWorkerData {
  /** Local directory. */
  readonly root: string;
  readonly rules: readonly FilterRule[];
}

export type LocalRequest =
  /** The next page; of the first one on if `isFirst`. */
  | { readonly kind: 'list'; readonly isFirst: boolean }
  /** Reads the small files of `rows`, a listing. The content root of a row is what its file may have. */
  | {
      readonly kind: 'pack';
      readonly id: number;
      readonly rows: Uint8Array;
      /** To write the tar into. */
      readonly memory?: ArrayBuffer | undefined;
    }
  /** Ends what `pack` began. `ways` has one for each row; all travel whole if it is absent. */
  | { readonly kind: 'finish'; readonly id: number; readonly ways?: Uint8Array | undefined };

export type LocalAnswer = ListedPage | Packed | Finished;

export interface ListedPage {
  readonly kind: 'list';
  readonly rows: Uint8Array<ArrayBuffer>;
  /** Each before the row with this index. */
  readonly faults: readonly (RowFault & { readonly relative: string })[];
  readonly isLast: boolean;
}

export interface RowFault {
  readonly index: number;
  readonly fault: Fault;
}

export interface Packed {
  readonly kind: 'pack';
  /** A listing: the rows as they are now. */
  readonly rows: Uint8Array<ArrayBuffer>;
  /** One for each row: its digest, or zeros. */
  readonly digests: Uint8Array<ArrayBuffer>;
  /** 1 for each row whose file has the content root that the row said. */
  readonly isSame: Uint8Array<ArrayBuffer>;
  readonly faults: readonly RowFault[];
}

export interface Finished {
  readonly kind: 'finish';
  /** Undefined if nothing travels. */
  readonly tar: Uint8Array<ArrayBuffer> | undefined;
}

/** How a row travels. */
export const WAY = { none: 0, whole: 1, reference: 2 } as const;
