import { copyBytes } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteWriter } from './byte-writer.ts';

/** Chunks on the wire: `int64be offset | uint32be checksum | uint32be length | data`, repeated. */

/** Bytes before the data of a frame. */
export const CHUNK_HEADER_BYTES = 16;

export interface ChunkFrameHeader {
  /** Position in the file. */
  readonly offset: number;
  /** CRC-32 of the data. */
  readonly checksum: number;
  /** Bytes of data. */
  readonly length: number;
}

export interface ChunkFrame extends ChunkFrameHeader {
  readonly data: Uint8Array;
}

export function encodeChunkHeader(header: ChunkFrameHeader): Uint8Array {
  return new ByteWriter(CHUNK_HEADER_BYTES)
    .uint64(header.offset)
    .uint32(header.checksum)
    .uint32(header.length)
    .finish();
}

/**
 * Finds the frames in a body that arrives in pieces of any size. Offsets and lengths are checked;
 * whether the data has its checksum is for the caller.
 *
 * A frame that lies whole in one piece shares that piece's memory; any other is gathered once into
 * memory of its own. So at most one chunk is held here. After an error the decoder is of no use.
 */
export class ChunkFrameDecoder {
  readonly #allocate: (length: number) => Uint8Array;
  readonly #header = new Uint8Array(CHUNK_HEADER_BYTES);
  #headerLength = 0;
  #frame: ChunkFrameHeader | undefined;
  #data: Uint8Array | undefined;
  #dataLength = 0;

  /** `allocate` gives the memory of a frame's own, with any content. */
  constructor(allocate = (length: number): Uint8Array => new Uint8Array(length)) {
    this.#allocate = allocate;
  }

  /** The frames that `piece` completes. Throws `bad_request` on an impossible header. */
  push(piece: Uint8Array): ChunkFrame[] {
    const frames: ChunkFrame[] = [];
    let rest = piece;
    while (rest.length > 0) {
      const header = this.#frame;
      if (header === undefined) {
        rest = this.#takeHeader(rest);
        continue;
      }
      const data = this.#takeData(rest, header.length);
      if (data === undefined) break;
      rest = rest.subarray(data.taken);
      frames.push({ ...header, data: data.bytes });
      this.#frame = undefined;
    }
    return frames;
  }

  /** Where what comes next should lie: piece that is there already need not be copied. Undefined in a header. */
  place(): Uint8Array | undefined {
    if (this.#frame === undefined) return undefined;
    this.#data ??= this.#allocate(this.#frame.length);
    return this.#data.subarray(this.#dataLength);
  }

  /** To be called behind the last piece. Throws `bad_request` if a frame is cut off. */
  end(): void {
    if (this.#frame !== undefined || this.#headerLength > 0) {
      throw new GdpfsError('bad_request', 'cannot read chunk frames: the last frame is cut off');
    }
  }

  /** Returns what of `piece` is behind the header. */
  #takeHeader(piece: Uint8Array): Uint8Array {
    const taken = Math.min(CHUNK_HEADER_BYTES - this.#headerLength, piece.length);
    this.#header.set(piece.subarray(0, taken), this.#headerLength);
    this.#headerLength += taken;
    if (this.#headerLength === CHUNK_HEADER_BYTES) {
      this.#frame = decodeHeader(this.#header);
      this.#headerLength = 0;
    }
    return piece.subarray(taken);
  }

  /** The whole data of a frame and how much of it came from `piece`; undefined: more must come. */
  #takeData(
    piece: Uint8Array,
    length: number,
  ): { readonly bytes: Uint8Array; readonly taken: number } | undefined {
    if (this.#data === undefined && piece.length >= length) {
      return { bytes: piece.subarray(0, length), taken: length };
    }
    this.#data ??= this.#allocate(length);
    const taken = Math.min(length - this.#dataLength, piece.length);
    copyBytes(piece.subarray(0, taken), this.#data, this.#dataLength);
    this.#dataLength += taken;
    if (this.#dataLength < length) return undefined;
    const bytes = this.#data;
    this.#data = undefined;
    this.#dataLength = 0;
    return { bytes, taken };
  }
}

function decodeHeader(bytes: Uint8Array): ChunkFrameHeader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offset = Number(view.getBigInt64(0));
  const length = view.getUint32(12);
  if (length < 1 || length > LIMITS.chunkBytesMax) {
    throw new GdpfsError(
      'bad_request',
      `cannot read chunk frame: length ${length}, need 1 to ${LIMITS.chunkBytesMax}`,
    );
  }
  if (offset < 0 || !Number.isSafeInteger(offset + length)) {
    throw new GdpfsError(
      'bad_request',
      `cannot read chunk frame: offset ${offset}, need a non-negative safe integer`,
    );
  }
  return { offset, checksum: view.getUint32(8), length };
}
