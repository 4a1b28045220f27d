import { asBuffer } from '../base/bytes.ts';
import type { Commit } from '../format/commit.ts';
import { decodeRecord } from '../format/records.ts';

const NOTHING = new Uint8Array(0);

/** What the system log says of volumes and what they keep. Volumes by their names as latin1 text. */
export class FsckSystem {
  readonly #trimSeqs = new Map<string, number>();
  readonly #removed = new Set<string>();

  /** A verified commit of it. */
  add({ records }: Commit): void {
    for (const record of records) {
      const body = decodeRecord(record);
      const said = body.case === 'system' ? body.value.body : undefined;
      if (said?.case === 'trim') {
        const { volume, seq } = said.value;
        const key = keyOf(volume);
        this.#trimSeqs.set(key, Math.max(this.trimSeq(key), Number(seq)));
      } else if (said?.case === 'volume' && said.value.removed) {
        this.#removed.add(keyOf(said.value.name));
      }
    }
  }

  /** Of the oldest state that is kept, but for those with names; 0: all are. */
  trimSeq(volume: string): number {
    return this.#trimSeqs.get(volume) ?? 0;
  }

  isRemoved(volume: string): boolean {
    return this.#removed.has(volume);
  }
}

function keyOf(name: Uint8Array = NOTHING): string {
  return asBuffer(name).toString('latin1');
}
