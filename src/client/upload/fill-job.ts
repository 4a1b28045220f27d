import { createHash, hash } from 'node:crypto';
import { readSync } from 'node:fs';
import { crc32 } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { CHUNK_HEADER_BYTES, encodeChunkHeader } from '../../format/chunk-frame.ts';
import { ContentCutter } from '../../format/chunker.ts';
import type { Chunk } from '../../format/manifest.ts';
import type { Extent } from '../chunk-body.ts';
import { localError } from '../local-error.ts';
import { sourceChanged } from '../source-state.ts';
import { isZero, isZeroRange } from './hole-probe.ts';

/**
 * Reads a part of a file to where it is sent from, cuts it into chunks and sums them. All of that
 * happens to one slice before the next is read, while it is in the processor's cache.
 */
export interface FillJob {
  /** Descriptor; it stays open until the job is done. */
  readonly file: number;
  /** For messages. */
  readonly path: string;
  /** Gets the frames of the chunks. */
  readonly bytes: Uint8Array;
  readonly part: FilePart;
  /** Leave out chunks of zeros: the file is sparse, they are holes. */
  readonly dropZeros: boolean;
  /** Leave out the checksums, which are 0 then: the server computes them. */
  readonly isUnsummed: boolean;
  /** The file again, from `openDirect`, to look for holes. */
  readonly probe?: number | undefined;
}

export type FilePart =
  /** Chunks whose place is known, ascending; their frames fit into the bytes. */
  | { readonly kind: 'extents'; readonly extents: readonly Extent[] }
  /** Chunks to be found from `start` on, until the bytes are full enough or the file is at `end`. */
  | {
      readonly kind: 'cut';
      readonly key: Uint8Array;
      readonly start: number;
      readonly end: number;
    };

export interface Filled {
  /** Those whose frames are in the bytes, one behind the other. */
  readonly chunks: readonly Chunk[];
  /** Where the part ends in the file. */
  readonly end: number;
}

/** What is read at once: it fits into a processor's own cache. */
const SLICE_BYTES = 128 * 1024;
const ZEROS = new Uint8Array(SLICE_BYTES);

/** Synchronous, and long: for worker threads, or small files. Throws `source_changed`, `local_io`. */
export function fill(job: FillJob): Filled {
  const filler = new Filler(job);
  const { part } = job;
  if (part.kind === 'cut') return filler.cut(part);
  return filler.read(part.extents);
}

class Filler {
  readonly #job: FillJob;
  readonly #chunks: Chunk[] = [];
  /** Where the next frame begins in the bytes. */
  #position = 0;
  /** Bytes of the file that were read behind the last chunk, already at their place. */
  #ahead = 0;
  /**
   * Is a hole likely here? A look for one in vain is a read in vain, so there is none where data
   * follows data.
   */
  #mayBeHole = true;

  constructor(job: FillJob) {
    this.#job = job;
  }

  read(extents: readonly Extent[]): Filled {
    let end = 0;
    for (const { offset, length } of extents) {
      end = offset + length;
      if (this.#zeros(offset, { runMax: length, end }) === length) continue;
      this.#sum(offset, length, () => -1);
    }
    return { chunks: this.#chunks, end };
  }

  cut({ key, start, end }: FilePart & { readonly kind: 'cut' }): Filled {
    const cutter = new ContentCutter(key);
    const zeroRun = this.#job.dropZeros ? zeroRunLength(cutter) : 0;
    const scanEnd = Math.min(end, start + LIMITS.scanBytesMax);
    let offset = start;
    while (offset < scanEnd && this.#hasRoom) {
      const zeros = this.#zeros(offset, { runMax: zeroRun, end });
      offset += zeros > 0 ? zeros : this.#cutOne(cutter, offset, end);
    }
    return { chunks: this.#chunks, end: offset };
  }

  get #hasRoom(): boolean {
    const { bytes } = this.#job;
    return (
      this.#position < LIMITS.bodyBytesTarget &&
      this.#position + CHUNK_HEADER_BYTES + LIMITS.cutBytesMax <= bytes.length &&
      this.#chunks.length < LIMITS.bodyChunksMax
    );
  }

  get #dataStart(): number {
    return this.#position + CHUNK_HEADER_BYTES;
  }

  /**
   * If the next `runMax` bytes from `offset` on, or all to `end`, are zero they are skipped, and
   * this is how many; otherwise 0.
   */
  #zeros(
    offset: number,
    { runMax, end }: { readonly runMax: number; readonly end: number },
  ): number {
    if (!this.#job.dropZeros) return 0;
    const length = Math.min(runMax, end - offset);
    if (this.#isHole(offset, length)) return length;
    let zeros = 0;
    while (zeros < length) {
      if (this.#ahead === zeros) this.#readAhead(offset, length);
      const count = Math.min(this.#ahead, length, zeros + SLICE_BYTES) - zeros;
      if (!isZero(this.#view(zeros, count))) return 0;
      zeros += count;
    }
    this.#skip(zeros);
    this.#mayBeHole = true;
    return zeros;
  }

  #isHole(offset: number, length: number): boolean {
    const { probe } = this.#job;
    if (probe === undefined || !this.#mayBeHole) return false;
    this.#mayBeHole = isZeroRange(probe, offset, length);
    if (this.#mayBeHole) this.#skip(Math.min(length, this.#ahead));
    return this.#mayBeHole;
  }

  /** Finds the end of the chunk at `offset` and sums it. Returns its length. */
  #cutOne(cutter: ContentCutter, offset: number, end: number): number {
    const lengthMax = Math.min(LIMITS.cutBytesMax, end - offset);
    cutter.reset();
    return this.#sum(offset, lengthMax, (start, sliceEnd) =>
      cutter.push(this.#job.bytes, start, sliceEnd),
    );
  }

  /**
   * Reads and sums a chunk slice by slice, until `findEnd` says where in the bytes it ends or it is
   * `lengthMax` long, and writes its header. Returns its length.
   */
  #sum(offset: number, lengthMax: number, findEnd: (start: number, end: number) => number): number {
    const { bytes } = this.#job;
    const dataStart = this.#dataStart;
    const sums = new Sums(this.#job.isUnsummed);
    let length = 0;
    let isEnd = false;
    while (!isEnd && length < lengthMax) {
      if (this.#ahead === length) this.#readAhead(offset, lengthMax);
      const count = Math.min(this.#ahead, lengthMax, length + SLICE_BYTES) - length;
      const start = dataStart + length;
      const end = findEnd(start, start + count);
      isEnd = end >= 0;
      const taken = isEnd ? end - start : count;
      sums.add(bytes.subarray(start, start + taken));
      length += taken;
    }
    const chunk: Chunk = { offset, length, ...sums.finish() };
    bytes.set(encodeChunkHeader(chunk), this.#position);
    this.#chunks.push(chunk);
    this.#keep(length);
    return length;
  }

  /** Reads a slice more of the chunk at `offset`, which is not longer than `lengthMax`. */
  #readAhead(offset: number, lengthMax: number): void {
    const { file, path, bytes } = this.#job;
    const length = Math.min(SLICE_BYTES, lengthMax - this.#ahead);
    let bytesRead: number;
    try {
      bytesRead = readSync(
        file,
        bytes,
        this.#dataStart + this.#ahead,
        length,
        offset + this.#ahead,
      );
    } catch (cause) {
      throw localError('read', path, cause);
    }
    if (bytesRead === 0) throw sourceChanged(path);
    this.#ahead += bytesRead;
  }

  /** The chunk stays; what was read behind it moves to where the next one's data begins. */
  #keep(length: number): void {
    const rest = this.#dataStart + length;
    this.#ahead -= length;
    this.#position = rest;
    this.#job.bytes.copyWithin(this.#dataStart, rest, rest + this.#ahead);
  }

  /** What was read first is not sent. */
  #skip(length: number): void {
    const start = this.#dataStart;
    this.#job.bytes.copyWithin(start, start + length, start + this.#ahead);
    this.#ahead -= length;
  }

  /** `length` bytes of the chunk that is being read, from its byte `start` on. */
  #view(start: number, length: number): Uint8Array {
    const from = this.#dataStart + start;
    return this.#job.bytes.subarray(from, from + length);
  }
}

/** SHA-256 of bytes that come in slices, and CRC-32 unless that is left out. */
class Sums {
  readonly #isUnsummed: boolean;
  #checksum = 0;
  #first: Uint8Array | undefined;
  #state: ReturnType<typeof createHash> | undefined;

  constructor(isUnsummed: boolean) {
    this.#isUnsummed = isUnsummed;
  }

  add(slice: Uint8Array): void {
    if (!this.#isUnsummed) this.#checksum = crc32(slice, this.#checksum);
    if (this.#first === undefined) {
      this.#first = slice;
      return;
    }
    this.#state ??= createHash('sha256').update(this.#first);
    this.#state.update(slice);
  }

  finish(): { readonly checksum: number; readonly digest: Uint8Array } {
    const digest = this.#state?.digest() ?? hash('sha256', this.#first ?? ZEROS, 'buffer');
    return { checksum: this.#checksum, digest: new Uint8Array(digest) };
  }
}

/** How long a chunk is that begins a long run of zeros. */
function zeroRunLength(cutter: ContentCutter): number {
  cutter.reset();
  for (let length = 0; ; length += ZEROS.length) {
    const cut = cutter.push(ZEROS);
    if (cut >= 0) return length + cut;
  }
}
