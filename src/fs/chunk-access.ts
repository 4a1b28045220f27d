import type { DatabaseSync } from 'node:sqlite';
import type { ChunkTable } from '../log/chunk-table.ts';
import { DigestMap } from '../log/digest-map.ts';
import type { StoredChunk } from '../log/engine.ts';
import { CHUNK_PREFIX_BYTES } from '../format/segment.ts';
import { prepareAll } from '../storage/index-db.ts';
import type { Claimant } from './types.ts';

const SQL = {
  claims: `SELECT u.principal = ?3 AS own FROM upload_chunk c JOIN upload u ON u.id = c.upload
    WHERE c.digest = ?2 AND u.volume = ?1 ORDER BY own DESC LIMIT 1`,
} as const;

/** What somebody may know of a chunk. */
export type ChunkStanding = 'absent' | 'known' | 'hidden' | 'unclaimed';

export interface ChunkView {
  readonly standing: ChunkStanding;
  /** Bytes; 0 if absent. */
  readonly length: number;
}

/**
 * The one place that decides whom de-duplication tells that a chunk is there (DESIGN §5). A chunk of
 * a committed file is known to whoever may read the volume. One that came for an upload is known to
 * those who sent it, until a file uses it: others are asked to send it too, and it is stored once
 * all the same. A chunk that nobody claims any more, because its upload was lost with the index,
 * is known to all who may read the volume: else a power loss would cost them what they had sent.
 * Who may see only part of the volume knows of the chunks that they sent themselves, and of those of
 * the very file that they replace or continue.
 */
export class ChunkAccess {
  readonly #chunks: ChunkTable;
  readonly #sql: ReturnType<typeof prepareAll<keyof typeof SQL>>;

  constructor(chunks: ChunkTable, database: DatabaseSync) {
    this.#chunks = chunks;
    this.#sql = prepareAll(database, SQL);
  }

  /** Bytes of the chunk if it is stored and the claimant may know that; undefined otherwise. */
  knownLength(volume: number, digest: Uint8Array, claimant: Claimant): number | undefined {
    const { length, standing } = this.look(volume, digest, claimant);
    return standing === 'known' || standing === 'unclaimed' ? length : undefined;
  }

  look(volume: number, digest: Uint8Array, claimant: Claimant): ChunkView {
    const { principal, readsAll, mayRead } = claimant;
    const found = this.#chunks.lookUp(volume, digest);
    if (found === undefined) return { standing: 'absent', length: 0 };
    const length = found.location.length - CHUNK_PREFIX_BYTES;
    const isReadable = readsAll || mayRead?.(digest) === true;
    if (found.used && isReadable) return { standing: 'known', length };
    const claim = this.#sql.claims.get(volume, digest, principal);
    if (claim?.['own'] === 1) return { standing: 'known', length };
    return { standing: claim === undefined && readsAll ? 'unclaimed' : 'hidden', length };
  }
}

/** Sorts chunks into those that must be sent, by their indexes, and those that are there. */
export async function sortChunks(
  digests: readonly Uint8Array[],
  how: {
    readonly look: (digests: readonly Uint8Array[]) => readonly ChunkStanding[];
    /** Resolves when the index has all claims so far. */
    readonly settle: () => Promise<void>;
  },
): Promise<{ readonly missing: number[]; readonly present: Uint8Array[] }> {
  let standings = how.look(digests);
  if (standings.includes('unclaimed')) {
    // A claim is in the index a moment later than its chunk can be found.
    await how.settle();
    standings = how.look(digests);
  }
  const missing: number[] = [];
  const present: Uint8Array[] = [];
  for (const [index, digest] of digests.entries()) {
    const standing = standings[index];
    if (standing === 'absent' || standing === 'hidden') missing.push(index);
    else present.push(digest);
  }
  return { missing, present };
}

/** Each of those that are not stored, once. */
export function newChunks(
  table: ChunkTable,
  volume: number,
  chunks: readonly StoredChunk[],
): StoredChunk[] {
  const fresh = new DigestMap<StoredChunk>();
  table.reading(() => {
    for (const chunk of chunks) {
      if (table.dataLength(volume, chunk.digest) === chunk.data.length) {
        table.tell(volume, chunk.digest);
      } else {
        fresh.set(chunk);
      }
    }
  });
  return [...fresh.values()];
}
