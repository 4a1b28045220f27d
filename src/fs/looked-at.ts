import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { encodeStateEntry, stateKey } from '../format/state-entry.ts';
import type { StateNodes } from '../format/state-map.ts';
import type { StateEvidence } from '../format/state-evidence.ts';
import { directoryRange, keyRange, type KeyRange, proveRanges } from '../format/state-proof.ts';
import { hexEncode } from '../base/bytes.ts';
import type { EntryRow, EntryWatcher, Place } from './entry-table.ts';
import { stateEntryOf } from './state-fold.ts';

/** Collects what a change looks at in a volume of `count` records, to prove it to who is to sign. */
export class LookedAt implements EntryWatcher {
  readonly #volume: number;
  readonly #count: number;
  /** By their keys, in hexadecimal. */
  readonly #names = new Map<string, KeyRange>();
  readonly #directories: KeyRange[] = [];
  readonly #rows = new Map<string, EntryRow>();

  constructor(volume: number, count: number) {
    this.#volume = volume;
    this.#count = count;
  }

  sawName({ volume, parent, name }: Place, row: EntryRow | undefined): void {
    if (volume !== this.#volume) return;
    const key = hexEncode(stateKey(parent, name));
    if (!this.#names.has(key)) this.#names.set(key, keyRange(parent, name));
    this.#keep(key, row);
  }

  sawNames(
    { parent, ...names }: Parameters<EntryWatcher['sawNames']>[0],
    rows: readonly EntryRow[],
  ): void {
    this.#directories.push(directoryRange(parent, names));
    for (const row of rows) this.#keep(hexEncode(stateKey(row.parent, row.name)), row);
  }

  /** Nodes of the state map before the change, and the entries that they speak of. */
  evidence(nodes: StateNodes): Pick<StateEvidence, 'nodes' | 'entries'> {
    const proof = proveRanges(nodes, [...this.#names.values(), ...this.#directories]);
    const entries = [...this.#rows.values()].map((row) => encodeStateEntry(stateEntryOf(row)));
    if (proof.length > LIMITS.evidencePartsMax || entries.length > LIMITS.evidencePartsMax) {
      throw new GdpfsError(
        'body_too_large',
        `cannot prepare change: what it is about takes more than ${LIMITS.evidencePartsMax} entries to prove`,
        { hint: 'split it into several changes' },
      );
    }
    return { nodes: proof, entries };
  }

  /** What the change itself has made is no part of the state before. */
  #keep(key: string, row: EntryRow | undefined): void {
    if (row !== undefined && row.seq < this.#count) this.#rows.set(key, row);
  }
}
