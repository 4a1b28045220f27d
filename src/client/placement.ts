import type { StatOptions } from './files.ts';
import type { Tally } from './tally.ts';

/** What the name of a copy's destination means. */
export type Placement =
  /** As of cp(1): if it is a directory the copy goes below it, otherwise it is the copy's name. */
  | 'either'
  /** A directory, to be made if missing, which gets the copy under its own name. */
  | 'inside'
  /** The copy's name. */
  | 'exact';

/** What one source is copied with. */
export interface CopyCall extends StatOptions {
  readonly recursive: boolean;
  readonly placement: Placement;
  readonly tally: Tally;
}
