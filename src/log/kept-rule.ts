import { LIMITS } from '../base/limits.ts';
import { ROOT_NODE } from '../format/tree-fold.ts';

/** Where the nodes of a volume are and have been. */
export interface NodePlaces {
  /** The directory that the node is in, if it has a place: that may be below a removed directory. */
  parentNow(node: number): number | undefined;
  /** seq of the record that took the node out of its last place. */
  removedBy(node: number): number;
  /** The directory that the node was in, in the state after record `seq`. */
  parentAt(node: number, seq: number): number | undefined;
}

/** From record `seq` on the version stood at its place, until record `until` ended that; infinite: still. */
export interface PlacedVersion {
  readonly parent: number;
  readonly seq: number;
  readonly until: number;
}

/**
 * Which versions of files some kept state of a volume shows: those of the states from one on, and of
 * some before it. What is below a removed directory keeps its place, and is shown by no state from then on. Which
 * directories were looked at is remembered, so a rule is for one walk.
 */
export class KeptRule {
  readonly #places: NodePlaces;
  readonly #trimSeq: number;
  readonly #snapshots: readonly number[];
  readonly #lastShown = new Map<number, number>();
  readonly #shownAt = new Map<string, boolean>();

  constructor(
    places: NodePlaces,
    kept: { readonly trimSeq: number; readonly snapshots: readonly { readonly seq: number }[] },
  ) {
    this.#places = places;
    this.#trimSeq = kept.trimSeq;
    this.#snapshots = kept.snapshots.map(({ seq }) => seq);
  }

  isKept({ parent, seq, until }: PlacedVersion): boolean {
    const last = until === Number.POSITIVE_INFINITY ? this.#lastShownOf(parent) : until - 1;
    if (last >= this.#trimSeq) return true;
    return this.#snapshots.some(
      (state) => seq <= state && state < until && this.#isShownAt(parent, state),
    );
  }

  /** seq of the last state in which a path leads to the directory; infinite if one does now. */
  #lastShownOf(directory: number): number {
    if (directory === ROOT_NODE) return Number.POSITIVE_INFINITY;
    let last = this.#lastShown.get(directory);
    if (last === undefined) {
      const parent = this.#places.parentNow(directory);
      last =
        parent === undefined ? this.#places.removedBy(directory) - 1 : this.#lastShownOf(parent);
      remember(this.#lastShown, directory, last);
    }
    return last;
  }

  #isShownAt(directory: number, seq: number): boolean {
    if (directory === ROOT_NODE) return true;
    const key = `${directory} ${seq}`;
    let isShown = this.#shownAt.get(key);
    if (isShown === undefined) {
      const parent = this.#places.parentAt(directory, seq);
      isShown = parent !== undefined && this.#isShownAt(parent, seq);
      remember(this.#shownAt, key, isShown);
    }
    return isShown;
  }
}

function remember<Key, Value>(known: Map<Key, Value>, key: Key, value: Value): void {
  if (known.size >= LIMITS.gcDirectoriesKept) known.clear();
  known.set(key, value);
}
