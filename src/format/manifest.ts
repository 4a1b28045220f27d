import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

/** One live chunk of a file: `length` bytes at `offset`. Gaps between chunks are holes, zeros. */
export interface Chunk {
  readonly offset: number;
  readonly length: number;
  /** CRC-32 of the bytes. */
  readonly checksum: number;
  /** SHA-256 of the bytes. */
  readonly digest: Uint8Array;
}

/** Chunks in order, however they are kept; an array of them is one. */
export interface ChunkSequence extends Iterable<Chunk> {
  readonly length: number;
  /** As of arrays: a negative index counts from the end. */
  at(index: number): Chunk | undefined;
  slice(start?: number, end?: number): Chunk[];
}

/** A file's content: its live chunks in ascending order, without overlap, all below `size`. */
export interface Manifest {
  readonly size: number;
  readonly chunks: readonly Chunk[];
}

/** Bytes of a manifest entry on the wire: int64 offset, uint32 length, uint32 checksum, digest. */
export const MANIFEST_ENTRY_BYTES = 16 + DIGEST_BYTES;

export function encodeManifestEntries(chunks: readonly Chunk[]): Uint8Array {
  const writer = new ByteWriter(chunks.length * MANIFEST_ENTRY_BYTES);
  for (const { offset, length, checksum, digest } of chunks) {
    writer.uint64(offset).uint32(length).uint32(checksum).bytes(digest);
  }
  return writer.finish();
}

/** Where in the file the entries of one page must lie. */
export interface ManifestBounds {
  /** End of the page before, 0 for the first. */
  readonly from?: number;
  /** Size of the file. */
  readonly size: number;
}

/** Throws `corrupt` unless `bytes` are whole entries, ascending, not overlapping, within bounds. */
export function decodeManifestEntries(bytes: Uint8Array, bounds: ManifestBounds): Chunk[] {
  const reader = new ByteReader(bytes, 'manifest');
  const chunks: Chunk[] = [];
  let end = bounds.from ?? 0;
  while (reader.remaining > 0) {
    const offset = reader.uint64();
    const length = reader.uint32();
    const checksum = reader.uint32();
    const digest = reader.bytes(DIGEST_BYTES).slice();
    const isInPlace = offset >= end && offset + length <= bounds.size;
    if (!isInPlace || length < 1 || length > LIMITS.chunkBytesMax) {
      throw new GdpfsError(
        'corrupt',
        `cannot decode manifest: entry ${chunks.length} has ${length} bytes at ${offset}`,
      );
    }
    chunks.push({ offset, length, checksum, digest });
    end = offset + length;
  }
  return chunks;
}
