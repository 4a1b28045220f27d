import { asBuffer, bytesEqual, hexEncode } from '../../base/bytes.ts';
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
  /** What was changed since, by key as latin1 text. */
  readonly #changed = new Map<
    string,
    { readonly key: Uint8Array; readonly entry: StateEntry | undefined }
  >();

  /** Throws `corrupt`. */
  constructor(root: Uint8Array, { nodes, entries }: Pick<StateEvidence, 'nodes' | 'entries'>) {
    this.#root = root;
    this.#map = new PartialState(root, nodes);
    this.#proof = new StateProof(root, nodes);
    for (const bytes of entries) {
      this.#entries.set(hexEncode(hashStateEntry(bytes)), decodeStateEntry(bytes));
    }
  }

  /** Throws `untrusted` if it is not proven what is there, or that nothing is. */
  at(parent: number, name: string): StateEntry | undefined {
    const key = stateKey(parent, name);
    const changed = this.#changed.get(textOf(key));
    if (changed !== undefined) return changed.entry;
    const hash = this.#map.leaf(key);
    return hash === undefined ? undefined : this.#entry(key, hash);
  }

  /** All that was in the directory before any change, by name. */
  children(parent: number): StateEntry[] {
    const range = directoryRange(parent, { after: '' });
    return this.#proof.range(range).map(({ key, hash }) => this.#entry(key, hash));
  }

  place(entry: StateEntry): void {
    const key = stateKey(entry.parent, entry.name);
    this.#changed.set(textOf(key), { key, entry });
  }

  remove({ parent, name }: Pick<StateEntry, 'parent' | 'name'>): void {
    const key = stateKey(parent, name);
    this.#changed.set(textOf(key), { key, entry: undefined });
  }

  /** After all changes. */
  root(): Uint8Array {
    // Then the proof may have no nodes at all.
    if (this.#changed.size === 0) return this.#root;
    const changes = [...this.#changed.values()].map(({ key, entry }): StateChange => {
      return { key, hash: entry === undefined ? undefined : stateLeafHash(entry) };
    });
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

function textOf(key: Uint8Array): string {
  return asBuffer(key).toString('latin1');
}
