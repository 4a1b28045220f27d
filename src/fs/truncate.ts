import { randomBytes } from 'node:crypto';
import { crc32, sha256Async } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LogKind } from '../format/generated/gdpfs_pb.js';
import { overlapping } from '../format/content.ts';
import type { Chunk, ChunkSequence } from '../format/manifest.ts';
import { decodeMeta, encodeFchunk, encodeFileMeta, NONCE_BYTES } from '../format/records.ts';
import { PathError } from './path-error.ts';

/** Attempts to change a file that others keep changing. */
const CONFLICT_RETRIES = 8;

const NO_DIGEST = new Uint8Array(0);

/** How long a file is to be. */
export interface Truncation {
  readonly path: string;
  /** Bytes. */
  readonly size: number;
  /** Content root that it must have. */
  readonly content?: Uint8Array | undefined;
}

/**
 * The record that makes a file with these live chunks `size` bytes long, and the shortened chunk
 * that must be stored first if the end falls inside one.
 */
export async function truncation(options: {
  readonly chunks: ChunkSequence;
  readonly size: number;
  readonly read: (chunk: Chunk) => Promise<Uint8Array>;
}): Promise<{
  readonly record: Uint8Array;
  readonly cut: (Chunk & { readonly data: Uint8Array }) | undefined;
}> {
  const { chunks, size, read } = options;
  const [hit] = overlapping(chunks, { offset: size, length: 1 });
  if (hit === undefined || hit.offset === size) {
    const end = { offset: size, length: 0, checksum: 0, digest: NO_DIGEST };
    return { record: encodeFchunk(end), cut: undefined };
  }
  const data = (await read(hit)).slice(0, size - hit.offset);
  const digest = await sha256Async(data);
  const cut = { offset: hit.offset, length: data.length, checksum: crc32(data), digest, data };
  return { record: encodeFchunk(cut), cut };
}

/** Runs `attempt` again while the file is one that others keep changing. Throws `busy`. */
export async function retryChanged<T>(path: string, attempt: () => Promise<T>): Promise<T> {
  for (let count = 1; ; count += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (!isGdpfsError(error, 'changed')) throw error;
      if (count === CONFLICT_RETRIES) {
        throw new PathError(
          'busy',
          (name) => `cannot truncate ${name(path)}: others keep changing it`,
        );
      }
    }
  }
}

/** The records of a new file log with the same fchunks as `records`: a log of its own to continue. */
export function forkLog(records: readonly Uint8Array[]): Uint8Array[] {
  const [meta, ...fchunks] = records;
  if (meta === undefined) return [];
  const { chunkSize, createdMs } = decodeMeta(meta, LogKind.FILE);
  const nonce = new Uint8Array(randomBytes(NONCE_BYTES));
  return [encodeFileMeta({ nonce, createdMs: Number(createdMs), chunkSize }), ...fchunks];
}
