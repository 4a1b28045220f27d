import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Chunk, ChunkSequence, Manifest } from './manifest.ts';
import { leafHash, MerkleFrontier } from './merkle.ts';

/** What a file log says: the fold of its fchunks to the file's content (DESIGN §3). */

/**
 * Applies fchunks in the order of the log: what was at or behind `offset` is gone, then `length`
 * bytes follow. `offset` is a boundary of a live chunk, the end, or beyond it, which leaves a hole.
 * A length of 0 makes the file exactly `offset` bytes long.
 */
export class ContentFold {
  readonly #chunks: Chunk[] = [];
  #size = 0;

  /** Throws `bad_request`, and changes nothing, if the fchunk cuts a live chunk or is malformed. */
  apply(fchunk: Chunk): void {
    checkFchunk(fchunk);
    const { offset, length, checksum, digest } = fchunk;
    const keep = firstEndingBehind(this.#chunks, offset);
    const cut = this.#chunks[keep];
    if (cut !== undefined && cut.offset < offset) {
      throw new GdpfsError(
        'bad_request',
        `cannot apply fchunk at offset ${offset}: inside the chunk of ${cut.length} bytes at ${cut.offset}, need a boundary`,
      );
    }
    this.#chunks.length = keep;
    if (length > 0) this.#chunks.push({ offset, length, checksum, digest });
    this.#size = offset + length;
  }

  /** Live chunks so far. */
  get liveCount(): number {
    return this.#chunks.length;
  }

  /** The live chunks from number `from` on. */
  liveFrom(from: number): Chunk[] {
    return this.#chunks.slice(from);
  }

  /** The content so far, independent of what is applied later. */
  manifest(): Manifest {
    return { size: this.#size, chunks: [...this.#chunks] };
  }
}

/** Bytes of a leaf of the content tree: int64 offset, uint32 length, digest. */
const CONTENT_LEAF_BYTES = 12 + DIGEST_BYTES;

/**
 * The Merkle root over the live chunks: the ETag. Equal for equal bytes and chunking. One leaf per
 * chunk; a hole at the end is one more leaf, of length 0, at `size` with a digest of zeros.
 */
export function contentRoot(manifest: Manifest): Uint8Array {
  const frontier = new MerkleFrontier();
  for (const chunk of manifest.chunks) frontier.append(contentLeafHash(chunk));
  const last = manifest.chunks.at(-1);
  const dataEnd = last === undefined ? 0 : last.offset + last.length;
  if (dataEnd !== manifest.size) {
    const digest = new Uint8Array(DIGEST_BYTES);
    frontier.append(contentLeafHash({ offset: manifest.size, length: 0, digest }));
  }
  return frontier.root();
}

const MIB = 1024 * 1024;
const GIB = 1024 * MIB;

/** The chunk size for a new file of about `size` bytes: larger files get shorter manifests. */
export function chunkSizeFor(size: number): number {
  if (size <= 256 * MIB) return LIMITS.chunkBytesDefault;
  return size <= 4 * GIB ? MIB : LIMITS.chunkBytesMax;
}

/** Bytes of the largest file of such chunks: two records of its log are its meta record and, maybe, its end. */
export function fileBytesMax(chunkSize: number): number {
  return chunkSize * (LIMITS.fileRecordsMax - 2);
}

/**
 * The chunk size for `size` bytes that replace a file of these live chunks: the one that it was cut
 * with, so that equal parts stay equal chunks (DESIGN §3).
 */
export function chunkSizeAfter(chunks: ChunkSequence, size: number): number {
  const fitting = chunkSizeFor(size);
  const first = chunks.at(0);
  if (first === undefined) return fitting;
  // Only the last chunk may be shorter than the others.
  if (chunks.length > 1) {
    const isTaken =
      first.length >= LIMITS.chunkBytesTakenOverMin && size <= fileBytesMax(first.length);
    return isTaken ? first.length : fitting;
  }
  // Whatever a single chunk was cut with, it was not cut into smaller ones.
  if (first.length <= fitting) return fitting;
  return first.length <= MIB ? MIB : LIMITS.chunkBytesMax;
}

/** The chunks that hold a byte of the range. `chunks` are ascending and do not overlap. */
export function overlapping(
  chunks: ChunkSequence,
  range: { readonly offset: number; readonly length: number },
): Chunk[] {
  const end = range.offset + range.length;
  const found: Chunk[] = [];
  for (let index = firstEndingBehind(chunks, range.offset); index < chunks.length; index += 1) {
    const chunk = chunks.at(index);
    if (chunk === undefined || chunk.offset >= end) break;
    found.push(chunk);
  }
  return found;
}

/** Index of the first chunk that ends behind `offset`; the number of chunks if there is none. */
function firstEndingBehind(chunks: ChunkSequence, offset: number): number {
  // Most logs only append: then nothing needs to be searched.
  if (endsUpTo(chunks.at(-1), offset)) return chunks.length;
  let low = 0;
  let high = chunks.length - 1;
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (endsUpTo(chunks.at(middle), offset)) low = middle + 1;
    else high = middle;
  }
  return low;
}

function endsUpTo(chunk: Chunk | undefined, offset: number): boolean {
  return chunk === undefined || chunk.offset + chunk.length <= offset;
}

// One scratch buffer for all leaves: hashing is synchronous.
const leaf = new Uint8Array(CONTENT_LEAF_BYTES);
const leafView = new DataView(leaf.buffer);

function contentLeafHash({
  offset,
  length,
  digest,
}: Pick<Chunk, 'offset' | 'length' | 'digest'>): Uint8Array {
  leafView.setBigUint64(0, BigInt(offset));
  leafView.setUint32(8, length);
  leaf.set(digest, 12);
  return leafHash(leaf);
}

function checkFchunk({ offset, length, digest }: Chunk): void {
  if (!Number.isSafeInteger(length) || length < 0 || length > LIMITS.chunkBytesMax) {
    throw new GdpfsError(
      'bad_request',
      `cannot apply fchunk: length ${length}, need at most ${LIMITS.chunkBytesMax}`,
    );
  }
  if (!Number.isSafeInteger(offset) || offset < 0 || !Number.isSafeInteger(offset + length)) {
    throw new GdpfsError(
      'bad_request',
      `cannot apply fchunk: offset ${offset}, need a non-negative safe integer`,
    );
  }
  const digestBytes = length === 0 ? 0 : DIGEST_BYTES;
  if (digest.length !== digestBytes) {
    throw new GdpfsError(
      'bad_request',
      `cannot apply fchunk: digest of ${digest.length} bytes, need ${digestBytes}`,
    );
  }
}
