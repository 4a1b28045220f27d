import { LIMITS } from '../../base/limits.ts';
import { comparePaths, isBelow } from '../../format/path.ts';
import type { Action, ActionPages, TreeEntry, TreeFault, TreeItem, TreePages } from './action.ts';
import { type CompareOptions, compareEntries } from './compare.ts';
import { TreeCursor } from './tree-cursor.ts';

export interface PlanOptions extends CompareOptions {
  /** Remove what the source does not have, and what is in the way of what it has. */
  readonly remove?: boolean;
  /** Names at the destination that stay as they are, with everything below. */
  readonly isProtected?: ((entry: TreeEntry) => boolean) | undefined;
  /** Files and links that are there already: `keep` all, or those that are `newer`; else replace. */
  readonly existing?: 'replace' | 'keep' | 'newer' | undefined;
  /** Told of each file and link that stays as it is. */
  readonly onKept?: ((entry: TreeEntry, why: 'same' | 'exists') => void) | undefined;
  /** Told of what the source could not tell. */
  readonly onFault?: ((fault: TreeFault) => void) | undefined;
  /** Told of what only the destination has and that stays, because nobody can tell what it is. */
  readonly onStranger?: ((fault: TreeFault) => void) | undefined;
}

/**
 * Compares two trees and yields what makes the destination like the source. Reads both as it goes:
 * memory holds a page of each.
 */
export async function* planTrees(
  source: TreePages,
  destination: TreePages,
  options: PlanOptions,
): ActionPages {
  await using from = new TreeCursor(source);
  await using to = new TreeCursor(destination);
  const planner = new Planner(options);
  for (;;) {
    if (from.isSpent || to.isSpent) {
      // What is planned goes out before the wait for the next page.
      if (planner.actions.length > 0) yield planner.take();
      await Promise.all([from.fill(), to.fill()]);
    }
    const theirs = to.head;
    // Without removals nothing depends on what only the destination has.
    if (from.head === undefined && (theirs === undefined || options.remove !== true)) break;
    planner.step(from, to);
    if (planner.actions.length >= LIMITS.planPageActions) yield planner.take();
  }
  planner.finish();
  if (planner.actions.length > 0) yield planner.take();
}

/** A directory that only the destination has, removed name by name. */
interface Emptied {
  readonly entry: TreeEntry;
  /** Something below it stays. */
  isKept: boolean;
}

class Planner {
  actions: Action[] = [];
  readonly #options: PlanOptions;
  /** Of the source, what is below this is passed over. */
  #passedOver: string | undefined;
  /** Of the destination, this and what is below stays. */
  #kept: string | undefined;
  /** A directory that goes whole; `successor` needs its place. */
  #removed: { readonly entry: TreeEntry; count: number; readonly successor?: Action } | undefined;
  readonly #emptied: Emptied[] = [];

  constructor(options: PlanOptions) {
    this.#options = options;
  }

  take(): readonly Action[] {
    const { actions } = this;
    this.actions = [];
    return actions;
  }

  finish(): void {
    this.#leave(undefined);
  }

  /** Deals with the first of the two heads, or with both if they have the same name. */
  step(from: TreeCursor, to: TreeCursor): void {
    const source = from.head;
    const destination = to.head;
    this.#leave(destination?.relative);
    const order =
      source === undefined
        ? 1
        : destination === undefined
          ? -1
          : comparePaths(source.relative, destination.relative);
    if (order <= 0) from.advance();
    if (source !== undefined && order <= 0 && this.#isPassedOver(source)) {
      if (order === 0) to.advance();
      return;
    }
    if (source?.kind === 'fault' && order <= 0) {
      this.#options.onFault?.(source);
      this.#kept = source.relative;
      return;
    }
    if (order >= 0) to.advance();
    // Faults of the source are dealt with.
    const entry = source as TreeEntry;
    if (destination === undefined || order < 0) this.#create(entry);
    else if (order > 0) this.#onlyThere(destination);
    else if (destination.kind === 'fault') this.#create(entry);
    else this.#both(entry, destination);
  }

  #isPassedOver({ relative }: { readonly relative: string }): boolean {
    return this.#passedOver !== undefined && isBelow(relative, this.#passedOver);
  }

  /** Ends what is finished when the destination has come to `relative`. */
  #leave(relative: string | undefined): void {
    const isOver = ({ entry }: { readonly entry: TreeEntry }): boolean =>
      relative === undefined || !isBelow(relative, entry.relative);
    const removed = this.#removed;
    if (removed !== undefined && isOver(removed)) {
      this.#removed = undefined;
      this.actions.push({ kind: 'remove', entry: removed.entry, count: removed.count });
      if (removed.successor !== undefined) this.actions.push(removed.successor);
    }
    for (;;) {
      const emptied = this.#emptied.at(-1);
      if (emptied === undefined || !isOver(emptied)) return;
      this.#emptied.pop();
      if (emptied.isKept) this.#keepParent();
      else this.actions.push({ kind: 'remove', entry: emptied.entry, count: 1 });
    }
  }

  #keepParent(): void {
    const parent = this.#emptied.at(-1);
    if (parent !== undefined) parent.isKept = true;
  }

  #create(entry: TreeEntry): void {
    this.actions.push({ kind: entry.kind, entry, reason: 'new' });
  }

  #onlyThere(entry: TreeItem): void {
    const { remove = false, isProtected } = this.#options;
    if (this.#removed !== undefined) {
      this.#removed.count += 1;
      return;
    }
    if (this.#kept !== undefined) {
      if (entry.relative === this.#kept || isBelow(entry.relative, this.#kept)) return;
      this.#kept = undefined;
    }
    const isStranger = entry.kind === 'fault';
    if (isStranger || !remove || isProtected?.(entry) === true) {
      if (isStranger && remove) this.#options.onStranger?.(entry);
      this.#kept = entry.relative;
      this.#keepParent();
    } else if (entry.kind !== 'directory') {
      this.actions.push({ kind: 'remove', entry, count: 1 });
    } else if (isProtected === undefined) {
      this.#removed = { entry, count: 1 };
    } else {
      this.#emptied.push({ entry, isKept: false });
    }
  }

  #both(entry: TreeEntry, existing: TreeEntry): void {
    const isDirectory = entry.kind === 'directory';
    if (isDirectory !== (existing.kind === 'directory')) {
      this.#otherKind(entry, existing);
      return;
    }
    if (!isDirectory && this.#isKept(entry, existing)) {
      this.#options.onKept?.(existing, 'exists');
      return;
    }
    const difference = compareEntries(entry, existing, this.#options);
    if (difference === 'same') {
      if (!isDirectory) this.#options.onKept?.(existing, 'same');
    } else if (entry.kind === 'file') {
      this.actions.push(
        difference === 'attributes'
          ? { kind: 'attributes', entry, existing }
          : { kind: 'file', entry, existing, reason: difference },
      );
    } else {
      this.actions.push({ kind: entry.kind, entry, existing, reason: 'changed' });
    }
  }

  #isKept(entry: TreeEntry, existing: TreeEntry): boolean {
    const { existing: policy = 'replace' } = this.#options;
    return policy === 'keep' || (policy === 'newer' && existing.mtimeUs > entry.mtimeUs);
  }

  /** A directory on one side, something else on the other. */
  #otherKind(entry: TreeEntry, existing: TreeEntry): void {
    const { remove = false, isProtected } = this.#options;
    if (remove && existing.kind !== 'directory') {
      this.actions.push({ kind: 'remove', entry: existing, count: 1 });
      this.#create(entry);
    } else if (remove && isProtected === undefined) {
      this.#removed = {
        entry: existing,
        count: 1,
        successor: { kind: entry.kind, entry, reason: 'new' },
      };
    } else {
      this.actions.push({ kind: 'conflict', entry, existing });
      this.#passedOver = entry.relative;
      this.#kept = existing.relative;
    }
  }
}
