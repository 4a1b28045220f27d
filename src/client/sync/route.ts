import type { StatOptions } from '../files.ts';
import type { Tally } from '../tally.ts';
import type { TransferOptions } from '../transfer-options.ts';
import type { ActionPages, TreeEntry, TreePages } from './action.ts';
import type { CompareOptions } from './compare.ts';
import type { FilterRule } from './filter.ts';

/** Both sides of a synchronization, as they are now. */
export interface Sides {
  /** Without what is excluded. */
  readonly source: TreePages;
  readonly destination: TreePages;
  /** State of the volume of each side that is one. */
  readonly sourceSeq?: number;
  readonly destinationSeq?: number;
}

/** The way from one kind of place to another. */
export interface Route extends AsyncDisposable {
  readonly compare: Omit<CompareOptions, 'by'>;
  /** How messages name an entry of the source. */
  sourceName(relative: string): string;
  /** Lists both sides; may be called again, when the last listing is done with. */
  list(): Promise<Sides>;
  /** Is the content of a file that both sides have the same, though only one knows its digest? */
  isSameContent(entry: TreeEntry, existing: TreeEntry): Promise<boolean>;
  /** Does the actions of a plan that was made of the last listing; makes the destination if need be. */
  execute(actions: ActionPages): Promise<void>;
}

export interface RouteCall extends StatOptions {
  /** What the source leaves out. */
  readonly rules: readonly FilterRule[];
  readonly tally: Tally;
  readonly transfer: TransferOptions;
}
