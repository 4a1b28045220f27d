import { copyBytes } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

/**
 * Many small files in one body, for one who has their names and content roots: a head that says where
 * the content of each lies, and the content, mostly as it lies in the store. `docs/formats.md` has the
 * fields.
 */

/** A stretch of a file with data; what is between two is zeros. */
export interface Piece {
  readonly offset: number;
  readonly length: number;
}

/** A file of a pack, as its maker knows it. */
export interface PackedFile {
  /** Its place among the files that were asked for. */
  readonly index: number;
  /** Bytes. */
  readonly size: number;
  /** Ascending. */
  readonly pieces: readonly Piece[];
  /** For each piece, where it begins in what follows the head. */
  readonly places: readonly number[];
}

/** The same, as its receiver finds it. */
export interface UnpackedFile {
  readonly index: number;
  /** The whole content: a view of the body, unless the file has several pieces or holes. */
  readonly data: Uint8Array;
  readonly pieces: readonly Piece[];
}

const COUNT_BYTES = 4;
/** index, size, number of pieces. */
const FILE_BYTES = 12;
/** offset, length, place. */
const PIECE_BYTES = 12;

/** What comes before the content. Files ascend by index. */
export function encodePackHead(files: readonly PackedFile[]): Uint8Array<ArrayBuffer> {
  const pieceCount = files.reduce((sum, { pieces }) => sum + pieces.length, 0);
  const bytes = new Uint8Array(COUNT_BYTES + FILE_BYTES * files.length + PIECE_BYTES * pieceCount);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, files.length);
  let at = COUNT_BYTES;
  for (const { index, size, pieces, places } of files) {
    view.setUint32(at, index);
    view.setUint32(at + 4, size);
    view.setUint32(at + 8, pieces.length);
    at += FILE_BYTES;
    for (const [which, { offset, length }] of pieces.entries()) {
      view.setUint32(at, offset);
      view.setUint32(at + 4, length);
      view.setUint32(at + 8, places[which] ?? 0);
      at += PIECE_BYTES;
    }
  }
  return bytes;
}

/**
 * The files of a whole body, which may be hostile, for one who asked for `askedCount` files. Throws
 * `corrupt`. Whether the content is what it should be is for the caller to compare.
 */
export function decodePack(bytes: Uint8Array, askedCount: number): UnpackedFile[] {
  const reader = new PackReader(bytes);
  const heads = reader.heads(askedCount);
  return heads.map((head) => reader.open(head));
}

class PackReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  heads(askedCount: number): PackedFile[] {
    const count = this.#uint32();
    if (count > askedCount) throw malformed('it has files that nobody asked for');
    const files: PackedFile[] = [];
    let last = -1;
    let bytes = 0;
    for (let done = 0; done < count; done += 1) {
      const file = this.#head();
      bytes += file.size;
      // Holes take memory, and no bytes of the body.
      if (bytes > LIMITS.tarBytesMax) throw malformed('its files are too large');
      if (file.index <= last || file.index >= askedCount) throw malformed('an index');
      last = file.index;
      files.push(file);
    }
    return files;
  }

  /** What the content of a file is; all heads were read. */
  open({ index, size, pieces, places }: PackedFile): UnpackedFile {
    const [first] = pieces;
    const [place = 0] = places;
    if (first?.length === size) return { index, data: this.#content(place, size), pieces };
    const data = new Uint8Array(size);
    for (const [which, { offset, length }] of pieces.entries()) {
      copyBytes(this.#content(places[which] ?? 0, length), data, offset);
    }
    return { index, data, pieces };
  }

  #head(): PackedFile {
    const index = this.#uint32();
    const size = this.#uint32();
    const count = this.#uint32();
    if (size > LIMITS.smallFileBytesMax) throw malformed('a size');
    if (count > LIMITS.packedFilePiecesMax) throw malformed('a number of pieces');
    const pieces: Piece[] = [];
    const places: number[] = [];
    let end = 0;
    for (let done = 0; done < count; done += 1) {
      const offset = this.#uint32();
      const length = this.#uint32();
      if (offset < end || length === 0 || offset + length > size) throw malformed('a piece');
      end = offset + length;
      pieces.push({ offset, length });
      places.push(this.#uint32());
    }
    return { index, size, pieces, places };
  }

  #content(place: number, length: number): Uint8Array {
    const start = this.#at + place;
    if (start + length > this.#bytes.length) throw malformed('it is cut off');
    return this.#bytes.subarray(start, start + length);
  }

  #uint32(): number {
    const at = this.#at;
    if (at + 4 > this.#bytes.length) throw malformed('its head is cut off');
    this.#at = at + 4;
    return this.#view.getUint32(at);
  }
}

function malformed(why: string): GdpfsError {
  return new GdpfsError('corrupt', `cannot read pack of files: ${why}`);
}
