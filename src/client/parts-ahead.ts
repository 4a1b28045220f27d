import { assert } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { PackedAhead } from './local-requests.ts';
import type { TreeEntry, TreeItem } from './sync/action.ts';
import { isPacked } from './sync/part-cutter.ts';

/** Parts of a tree that were packed when they were listed, until somebody asks for them. */
export class PartsAhead {
  /** Entries that were listed and are in no part yet. */
  #rest: TreeEntry[] = [];
  /** By their first entry. */
  readonly #parts = new Map<TreeEntry, PartAhead>();

  /** False if so many wait that others than these seem to be wanted: then all are dropped. */
  add(items: readonly TreeItem[], packed: PackedAhead | undefined): boolean {
    for (const item of items) if (item.kind !== 'fault' && isPacked(item)) this.#rest.push(item);
    if (packed === undefined) return true;
    const entries = this.#rest.slice(0, packed.count);
    this.#rest = this.#rest.slice(packed.count);
    const [first] = entries;
    assert(first !== undefined, 'a part has entries');
    this.#parts.set(first, { entries, packed });
    if (this.#parts.size <= LIMITS.partsInFlight) return true;
    this.#parts.clear();
    return false;
  }

  /** Nothing that was listed waits. */
  get isEmpty(): boolean {
    return this.#rest.length === 0 && this.#parts.size === 0;
  }

  /** Undefined if just this part was not packed. */
  take(entries: readonly TreeEntry[]): PackedAhead | undefined {
    const [first] = entries;
    const part = first === undefined ? undefined : this.#parts.get(first);
    if (first === undefined || part?.entries.length !== entries.length) return undefined;
    if (!part.entries.every((entry, index) => entry === entries[index])) return undefined;
    this.#parts.delete(first);
    return part.packed;
  }
}

interface PartAhead {
  readonly entries: readonly TreeEntry[];
  readonly packed: PackedAhead;
}
