import { asBuffer, bytesEqual } from '../base/bytes.ts';
import { crc32, DIGEST_BYTES, formatDigest, sha256, sha256Async } from '../base/digest.ts';
import { assert, GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import type { Chunk } from '../format/manifest.ts';
import { CHUNK_PREFIX_BYTES, FRAME_HEADER_BYTES } from '../format/segment.ts';
import type { SegmentStore } from '../storage/segment-store.ts';
import type { FrameLocation } from '../storage/segment-layout.ts';
import type { ChunkTable } from './chunk-table.ts';
import { type ChunkPlace, supposePlaces } from './supposed-places.ts';

/** A chunk that is wanted, and where its data lies. */
interface Wanted extends ChunkPlace {
  readonly index: number;
  readonly chunk: Chunk;
  readonly isSupposed?: boolean;
}

/** Index id and name. */
export interface NamedVolume {
  readonly id: number;
  readonly name: Uint8Array;
}

export interface ReadChunkOptions {
  /** Takes the bytes; as long as the chunk. */
  readonly target?: Uint8Array;
  /**
   * What is compared: nothing but the length, for one who hands the bytes to somebody that compares
   * them; the CRC-32, which finds accidents (default); or the SHA-256 too.
   */
  readonly check?: 'length' | 'checksum' | 'digest';
}

/** Chunks as they lie in the store, for one who takes what is between them, too. */
export interface ChunkSpans {
  /** Together they hold all the chunks, and between two of them at most what frames begin with. */
  readonly pieces: readonly Uint8Array[];
  /** For each chunk, where it begins in the pieces, one behind the other. */
  readonly places: readonly number[];
}

/** Chunks that lie one behind the other in a segment. */
export interface ChunkRun {
  readonly chunks: readonly Chunk[];
  /** From the data of the first to the end of the last. */
  readonly place: FrameLocation;
  /** Where the data of each begins in the segment. */
  readonly starts: readonly number[];
}

/** What was read with one call. */
interface ReadSpan {
  readonly span: readonly Wanted[];
  readonly bytes: Uint8Array;
}

export interface ReadChunk {
  readonly chunk: Chunk;
  readonly data: Uint8Array;
}

/** What lies between the data of two chunks that came one after the other. */
export const BETWEEN_CHUNKS_BYTES: number = FRAME_HEADER_BYTES + CHUNK_PREFIX_BYTES;

/** Reads chunks of a volume (by index id) from the segments. */
export class ChunkReader {
  readonly #chunks: ChunkTable;
  readonly #segments: SegmentStore;
  readonly #later: (write: () => void) => void;

  constructor(parts: {
    readonly chunks: ChunkTable;
    readonly segments: SegmentStore;
    /** Does an index write with the next transaction. */
    readonly later: (write: () => void) => void;
  }) {
    this.#chunks = parts.chunks;
    this.#segments = parts.segments;
    this.#later = parts.later;
  }

  /** A chunk's bytes. Throws `corrupt`; then the chunk counts as missing, so that an upload heals it. */
  async read(volume: number, chunk: Chunk, options: ReadChunkOptions = {}): Promise<Uint8Array> {
    const { target, check = 'checksum' } = options;
    const location = this.#locate(volume, chunk);
    const range = {
      start: CHUNK_PREFIX_BYTES,
      length: chunk.length,
      ...(target === undefined ? {} : { target }),
    };
    const data = await this.#segments.read(location, range);
    if (check !== 'length') this.#check(volume, chunk, { data, location });
    if (check !== 'digest' || bytesEqual(await sha256Async(data), chunk.digest)) return data;
    this.#lose(volume, chunk, location);
    throw chunkCorrupt(chunk, 'its bytes are not those of its digest');
  }

  /**
   * The bytes of many chunks, in their order. Those that lie close together are read together:
   * files that came in one stream cost one read. All are in memory; the CRC-32 is checked. Throws
   * `corrupt`.
   */
  async readMany(volume: number, chunks: readonly Chunk[]): Promise<Uint8Array[]> {
    const found: Uint8Array[] = Array.from(chunks, () => new Uint8Array(0));
    const reading = spansOf(this.#locateAll(volume, chunks)).map(async (span) => {
      const place = placeOf(span);
      const { segment, offset: start } = place;
      const bytes = await this.#segments.readBytes(place);
      for (const { index, chunk, start: from } of span) {
        const data = bytes.subarray(from - start, from - start + chunk.length);
        const offset = from - BETWEEN_CHUNKS_BYTES;
        const location = { segment, offset, length: CHUNK_PREFIX_BYTES + chunk.length };
        this.#check(volume, chunk, { data, location });
        found[index] = data;
      }
    });
    await Promise.all(reading);
    return found;
  }

  /**
   * The same without a copy or a check, in memory that `take` gives, for one whose receiver compares
   * digests. Nothing of any other chunk is in there.
   */
  async readSpans(
    volume: NamedVolume,
    chunks: readonly Chunk[],
    take: (length: number) => Uint8Array,
  ): Promise<ChunkSpans> {
    const supposed = await this.#readAll(this.#supposeAll(volume.id, chunks), take);
    // What was taken for it is left to the collector: it happens once in many volumes.
    const spans = supposed.every((span) => this.#isAsSupposed(volume, span))
      ? supposed
      : await this.#readAll(this.#locateAll(volume.id, chunks), take);
    const pieces: Uint8Array[] = [];
    const places: number[] = chunks.map(() => 0);
    let length = 0;
    for (const { bytes, span } of spans) {
      const spanStart = placeOf(span).offset;
      for (const run of runsIn(span)) {
        const { offset, length: runLength } = placeOf(run);
        pieces.push(bytes.subarray(offset - spanStart, offset - spanStart + runLength));
        for (const { index, start } of run) places[index] = length + start - offset;
        length += runLength;
      }
    }
    return { pieces, places };
  }

  /**
   * Groups chunks, in their order, into runs that lie one behind the other in the store: each one chunk,
   * or as many as have `bytesMax` together. Throws `corrupt` if one is not there.
   */
  runs(volume: number, chunks: readonly Chunk[], bytesMax: number): ChunkRun[] {
    const runs: Wanted[][] = [];
    let run: Wanted[] = [];
    let bytes = 0;
    for (const each of this.#locateAll(volume, chunks)) {
      if (!follows(run, each) || bytes + each.chunk.length > bytesMax) {
        run = [];
        runs.push(run);
        bytes = 0;
      }
      run.push(each);
      bytes += each.chunk.length;
    }
    return runs.map((found) => ({
      place: placeOf(found),
      chunks: found.map(({ chunk }) => chunk),
      starts: found.map(({ start }) => start),
    }));
  }

  /**
   * The bytes of each chunk of a run, all somewhere in `room`, which is longer than the run by
   * `ROOM_BYTES`: read with one call, past the page cache if they were not read lately. Nothing is
   * checked. Before each lie `BETWEEN_CHUNKS_BYTES` or more that are the caller's.
   */
  async readRun({ place, chunks, starts }: ChunkRun, room: Uint8Array): Promise<ReadChunk[]> {
    const bytes = await this.#segments.readAside(place, room, starts);
    return chunks.map((chunk, index) => {
      const from = (starts[index] ?? 0) - place.offset;
      return { chunk, data: bytes.subarray(from, from + chunk.length) };
    });
  }

  async #readAll(
    wanted: readonly Wanted[],
    take: (length: number) => Uint8Array,
  ): Promise<ReadSpan[]> {
    return await Promise.all(
      spansOf(wanted).map(async (span) => {
        const place = placeOf(span);
        return { span, bytes: await this.#segments.readBytes(place, take(place.length)) };
      }),
    );
  }

  #locateAll(volume: number, chunks: readonly Chunk[]): Wanted[] {
    return this.#chunks.reading(() =>
      chunks.map((chunk, index) => ({ index, chunk, ...this.#placeOf(volume, chunk) })),
    );
  }

  /** The same without looking for each. */
  #supposeAll(volume: number, chunks: readonly Chunk[]): Wanted[] {
    const locate = (chunk: Chunk): ChunkPlace => this.#placeOf(volume, chunk);
    const places = this.#chunks.reading(() => supposePlaces(chunks, BETWEEN_CHUNKS_BYTES, locate));
    return places.map((place, index) => {
      const chunk = chunks[index];
      assert(chunk !== undefined, 'there is a place for each chunk');
      return { index, chunk, ...place };
    });
  }

  /** Has each chunk whose place was supposed the beginning of its frame before it? */
  #isAsSupposed({ id, name }: NamedVolume, { span, bytes }: ReadSpan): boolean {
    const frames = asBuffer(bytes);
    const spanStart = placeOf(span).offset;
    return span.every(({ isSupposed, chunk, segment, start }) => {
      if (isSupposed !== true) return true;
      const end = start - spanStart;
      const middle = end - DIGEST_BYTES;
      const begin = end - CHUNK_PREFIX_BYTES;
      if (begin >= 0) {
        return (
          frames.compare(chunk.digest, 0, DIGEST_BYTES, middle, end) === 0 &&
          frames.compare(name, 0, DIGEST_BYTES, begin, middle) === 0
        );
      }
      // The first of what was read.
      const place = this.#placeOf(id, chunk);
      return place.segment === segment && place.start === start;
    });
  }

  #placeOf(volume: number, chunk: Chunk): ChunkPlace {
    const { segment, offset } = this.#locate(volume, chunk);
    return { segment, start: offset + BETWEEN_CHUNKS_BYTES };
  }

  #locate(volume: number, chunk: Chunk): FrameLocation {
    const location = this.#chunks.find(volume, chunk.digest);
    if (location === undefined) throw chunkCorrupt(chunk, 'it is not stored');
    if (location.length === CHUNK_PREFIX_BYTES + chunk.length) return location;
    throw chunkCorrupt(chunk, 'its length');
  }

  #check(
    volume: number,
    chunk: Chunk,
    { data, location }: { readonly data: Uint8Array; readonly location: FrameLocation },
  ): void {
    if (crc32(data) === chunk.checksum) return;
    // A wrong checksum may be its writer's lie; then the chunk is sound.
    if (!bytesEqual(sha256(data), chunk.digest)) {
      this.#lose(volume, chunk, location);
    }
    throw chunkCorrupt(chunk, 'its bytes have changed');
  }

  #lose(volume: number, { digest }: Chunk, location: FrameLocation): void {
    if (!this.#chunks.removeRotten(volume, digest, location)) return;
    this.#later(() => this.#chunks.writeRotten(volume, digest));
  }
}

/** Groups chunks that are read together, each group ascending. */
function spansOf(wanted: readonly Wanted[]): Wanted[][] {
  const sorted = wanted.toSorted((left, right) => {
    return left.segment - right.segment || left.start - right.start;
  });
  const spans: Wanted[][] = [];
  let span: Wanted[] = [];
  for (const each of sorted) {
    if (!joins(span, each)) {
      span = [];
      spans.push(span);
    }
    span.push(each);
  }
  return spans;
}

/** Parts of a span in which only frames' beginnings are between the chunks. */
function runsIn(span: readonly Wanted[]): Wanted[][] {
  const runs: Wanted[][] = [];
  let run: Wanted[] = [];
  let end = 0;
  for (const each of span) {
    if (run.length > 0 && each.start - end > BETWEEN_CHUNKS_BYTES) {
      runs.push(run);
      run = [];
    }
    run.push(each);
    end = Math.max(end, each.start + each.chunk.length);
  }
  runs.push(run);
  return runs;
}

/** The bytes from the first of ascending chunks to the end of the last. */
function placeOf(span: readonly Wanted[]): FrameLocation {
  const [first] = span;
  const last = span.at(-1);
  assert(first !== undefined && last !== undefined, 'a span has chunks');
  const { segment, start } = first;
  return { segment, offset: start, length: last.start + last.chunk.length - start };
}

function follows(run: readonly Wanted[], next: Wanted): boolean {
  const last = run.at(-1);
  if (last === undefined || last.segment !== next.segment) return false;
  return next.start === last.start + last.chunk.length + BETWEEN_CHUNKS_BYTES;
}

function joins(span: readonly Wanted[], next: Wanted): boolean {
  const [first] = span;
  const last = span.at(-1);
  if (first === undefined || last === undefined || first.segment !== next.segment) return false;
  const end = next.start + next.chunk.length;
  const gap = next.start - (last.start + last.chunk.length);
  return gap <= LIMITS.readGapBytesMax && end - first.start <= LIMITS.readSpanBytesMax;
}

function chunkCorrupt(chunk: Chunk, why: string): GdpfsError {
  const digest = formatDigest(chunk.digest);
  return new GdpfsError(
    'corrupt',
    `cannot read chunk ${digest} of ${chunk.length} bytes at ${chunk.offset}: ${why}`,
    { details: { digest, offset: chunk.offset }, hint: 'upload the file again to heal it' },
  );
}
