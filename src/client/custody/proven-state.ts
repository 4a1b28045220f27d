import { bytesEqual, hexEncode } from '../../base/bytes.ts';
import { GdpfsError } from '../../base/errors.ts';
import { PartialState } from '../../format/partial-state.ts';
import {
  decodeStateEntry,
  hashStateEntry,
  type StateEntry,
  stateKey,
  stateLeafHash,
} from '../../format/state-entry.ts';
import type { StateEvidence } from '../../format/state-evidence.ts';
import { type StateChange, StateMap } from '../../format/state-map.ts';
import { directoryRange, StateProof } from '../../format/state-proof.ts';

/**
 * What a volume has at some names, as its writer has signed it, and what it has there after some
 * changes.
 */
export class ProvenState {
  readonly #root: Uint8Array;
  readonly #map: PartialState;
  readonly #proof: StateProof;
  /** By the hashes of their leaves, in hexadecimal. */
  readonly #entries = new Map<string, StateEntry>();
  readonly #count: number;
  /** What was changed since, by directory and name. */
  readonly #changed = new Map<number, Map<string, StateEntry | undefined>>();

  /** `root` is that of a state after `count` records. Throws `corrupt`. */
  constructor(
    { root, count }: { readonly root: Uint8Array; readonly count: number },
    { nodes, entries }: Pick<StateEvidence, 'nodes' | 'entries'>,
  ) {
    this.#count = count;
    this.#root = root;
    this.#map = new PartialState(root, nodes);
    this.#proof = new StateProof(root, nodes);
    for (const bytes of entries) {
      this.#entries.set(hexEncode(hashStateEntry(bytes)), decodeStateEntry(bytes));
    }
  }

  /** Throws `untrusted` if it is not proven what is there, or that nothing is. */
  at(parent: number, name: string): StateEntry | undefined {
    const changed = this.#changed.get(parent);
    if (changed?.has(name) === true) return changed.get(name);
    // A directory that was made since has nothing from before.
    if (parent >= this.#count) return undefined;
    const key = stateKey(parent, name);
    const hash = this.#map.leaf(key);
    return hash === undefined ? undefined : this.#entry(key, hash);
  }

  /** All that was in the directory before any change, by name. */
  children(parent: number): StateEntry[] {
    const range = directoryRange(parent, { after: '' });
    return this.#proof.range(range).map(({ key, hash }) => this.#entry(key, hash));
  }

  place(entry: StateEntry): void {
    this.#change(entry, entry);
  }

  remove(place: Pick<StateEntry, 'parent' | 'name'>): void {
    this.#change(place, undefined);
  }

  #change(
    { parent, name }: Pick<StateEntry, 'parent' | 'name'>,
    entry: StateEntry | undefined,
  ): void {
    let changed = this.#changed.get(parent);
    if (changed === undefined) {
      changed = new Map();
      this.#changed.set(parent, changed);
    }
    changed.set(name, entry);
  }

  /** After all changes. */
  root(): Uint8Array {
    // Then the proof may have no nodes at all.
    if (this.#changed.size === 0) return this.#root;
    const changes: StateChange[] = [];
    for (const [parent, names] of this.#changed) {
      for (const [name, entry] of names) {
        const hash = entry === undefined ? undefined : stateLeafHash(entry);
        changes.push({ key: stateKey(parent, name), hash });
      }
    }
    changes.sort((left, right) => Buffer.compare(left.key, right.key));
    const map = new StateMap(this.#map);
    map.update(changes);
    return map.root();
  }

  #entry(key: Uint8Array, hash: Uint8Array): StateEntry {
    const entry = this.#entries.get(hexEncode(hash));
    if (entry === undefined || !bytesEqual(stateKey(entry.parent, entry.name), key)) {
      throw new GdpfsError('untrusted', 'cannot trust what the server says is there: no entry');
    }
    return entry;
  }
}
