import type { DatabaseSync } from 'node:sqlite';
import { asBuffer } from '../base/bytes.ts';
import type { Chunk, ChunkSequence } from '../format/manifest.ts';
import type { LogEngine } from '../log/engine.ts';
import { reading } from '../storage/index-db.ts';
import { foldRecords, requireFile } from './file-state.ts';
import { ManifestCache } from './manifest-cache.ts';
import type { Entry } from './types.ts';

/** The live chunks of committed files, folded from their logs. Volumes by index id. */
export class Manifests {
  readonly #engine: LogEngine;
  readonly #reader: DatabaseSync;
  readonly #cache = new ManifestCache();

  constructor(parts: { readonly engine: LogEngine; readonly reader: DatabaseSync }) {
    this.#engine = parts.engine;
    this.#reader = parts.reader;
  }

  /** Of the file version that `entry` describes. Throws `not_a_file`, `corrupt`. */
  async of(volume: number, entry: Entry): Promise<ChunkSequence> {
    const { root, log, logCount } = requireFile(entry);
    const key = `${volume}:${asBuffer(root).toString('latin1')}`;
    const cached = this.#cache.get(key);
    if (cached !== undefined) return cached;
    const records = await this.#engine.readFileLog(volume, log, logCount);
    return this.#cache.add(key, fold(entry, records));
  }

  /** The same of many: small files cost one look into the index each, and no waiting. */
  async ofEach(volume: number, entries: readonly Entry[]): Promise<ChunkSequence[]> {
    const indexed = reading(this.#reader, () =>
      entries.map((entry) => {
        const { log, logCount } = requireFile(entry);
        return this.#engine.indexedFileLog(volume, log, logCount);
      }),
    );
    const manifests: ChunkSequence[] = [];
    for (const [index, entry] of entries.entries()) {
      const records = indexed[index];
      const isRead = records === undefined;
      manifests.push(isRead ? await this.of(volume, entry) : fold(entry, records));
    }
    return manifests;
  }
}

function fold(entry: Entry, records: readonly Uint8Array[]): readonly Chunk[] {
  return foldRecords(entry.path, requireFile(entry), records).chunks;
}
