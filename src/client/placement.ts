import type { StatOptions } from './files.ts';
import type { Tally } from './tally.ts';
import type { TransferOptions } from './transfer-options.ts';

/** What the name of a copy's destination means. */
export type Placement =
  /** As of cp(1): if it is a directory the copy goes below it, otherwise it is the copy's name. */
  | 'either'
  /** A directory, to be made if missing, which gets the copy under its own name. */
  | 'inside'
  /** The copy's name. */
  | 'exact';

/** What is done to a file that stands at the destination: replace it, keep it, or ask. */
export type Replace = 'always' | 'never' | ((target: string) => Promise<boolean>);

/** May what is at `target` be replaced? */
export async function mayReplace(replace: Replace, target: string): Promise<boolean> {
  return typeof replace === 'function' ? await replace(target) : replace === 'always';
}

/** What one source is copied with. */
export interface CopyCall extends StatOptions {
  readonly recursive: boolean;
  readonly placement: Placement;
  readonly replace: Replace;
  readonly tally: Tally;
  readonly transfer: TransferOptions;
}
