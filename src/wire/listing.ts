import { asBuffer, bytesEqual, utf8Encode } from '../base/bytes.ts';
import { DIGEST_BYTES } from '../base/digest.ts';
import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';

/**
 * Listings of many names, many times smaller and faster than JSON. `docs/formats.md` has the rows.
 */

/** One name below the listed directory. */
export interface ListingRow {
  /** Names joined by `/`. */
  readonly relative: string;
  readonly kind: 'file' | 'directory' | 'symlink';
  /** Bytes; 0 for all but files. */
  readonly size: number;
  /** Permission bits, 0o7777. */
  readonly mode: number;
  readonly mtimeUs: number;
  /** Symbolic links. */
  readonly target?: string;
  /** Content root of a file, 32 bytes. */
  readonly content?: Uint8Array;
}

/** Persisted in nothing, but spoken between versions: keep stable. */
const KIND = {
  file: 1,
  directory: 2,
  symlink: 3,
  /** A file without a content root: such a listing is of a local tree. */
  fileOnly: 4,
} as const;

/** kind, names kept, mode, mtime, length of the rest. */
const HEAD_BYTES = 1 + 1 + 2 + 8 + 2;
const SIZE_BYTES = 8;
const SHARED_MAX = 255;
const UINT32 = 2 ** 32;
const REPLACEMENT_CHARACTER = '\uFFFD';
/** A UTF-16 unit takes three bytes at most. */
const BYTES_PER_UNIT_MAX = 3;
const CAPACITY_BYTES = 64 * 1024;

/** Makes the body of a listing, row by row. */
export class ListingWriter {
  #bytes = Buffer.allocUnsafeSlow(CAPACITY_BYTES);
  #length = 0;
  /** Directory of the row before, with a slash behind it unless it is the root. */
  #directory = '';
  #depth = 0;

  get length(): number {
    return this.#length;
  }

  add(row: ListingRow): void {
    const { relative, kind, size, mode, mtimeUs, target = '', content } = row;
    this.#reserve(
      HEAD_BYTES +
        SIZE_BYTES +
        DIGEST_BYTES +
        (relative.length + target.length) * BYTES_PER_UNIT_MAX,
    );
    const bytes = this.#bytes;
    let offset = this.#length;
    const shared = this.#share(relative);
    bytes[offset] = kind === 'file' && content === undefined ? KIND.fileOnly : KIND[kind];
    bytes[offset + 1] = shared.depth;
    bytes.writeUInt16BE(mode, offset + 2);
    const high = Math.floor(mtimeUs / UINT32);
    bytes.writeInt32BE(high, offset + 4);
    bytes.writeUInt32BE(mtimeUs - high * UINT32, offset + 8);
    const restLength = bytes.write(relative.slice(shared.length), offset + HEAD_BYTES);
    bytes.writeUInt16BE(restLength, offset + 12);
    offset += HEAD_BYTES + restLength;
    if (kind === 'file') {
      const sizeHigh = Math.floor(size / UINT32);
      bytes.writeUInt32BE(sizeHigh, offset);
      bytes.writeUInt32BE(size - sizeHigh * UINT32, offset + 4);
      offset += SIZE_BYTES;
      if (content !== undefined) {
        bytes.set(content, offset);
        offset += DIGEST_BYTES;
      }
    } else if (kind === 'symlink') {
      const targetLength = bytes.write(target, offset + 2);
      bytes.writeUInt16BE(targetLength, offset);
      offset += 2 + targetLength;
    }
    this.#length = offset;
  }

  /** What was written, in memory of its own size. */
  finish(): Uint8Array<ArrayBuffer> {
    const bytes = new Uint8Array(this.#length);
    bytes.set(this.#bytes.subarray(0, this.#length));
    return bytes;
  }

  /** How many names, and characters, of the path are those of the row before. */
  #share(relative: string): { readonly depth: number; readonly length: number } {
    const end = relative.lastIndexOf('/') + 1;
    const before = this.#directory;
    if (end !== before.length || !relative.startsWith(before)) {
      const directory = relative.slice(0, end);
      const common = commonLength(before, directory);
      const depth = Math.min(SHARED_MAX, countSlashes(before, common));
      this.#directory = directory;
      this.#depth = countSlashes(directory, end);
      return { depth, length: lengthOf(directory, depth) };
    }
    const depth = Math.min(SHARED_MAX, this.#depth);
    return { depth, length: depth === this.#depth ? end : lengthOf(relative, depth) };
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#bytes.length * 2, this.#length + length));
    this.#bytes.copy(larger, 0, 0, this.#length);
    this.#bytes = larger;
  }
}

/** Of two directories with slashes behind them, the part that is the same, up to a slash. */
function commonLength(left: string, right: string): number {
  const end = Math.min(left.length, right.length);
  let common = 0;
  for (let index = 0; index < end && left[index] === right[index]; index += 1) {
    if (left[index] === '/') common = index + 1;
  }
  return common;
}

function countSlashes(text: string, end: number): number {
  let count = 0;
  for (let index = text.indexOf('/'); index !== -1 && index < end; count += 1) {
    index = text.indexOf('/', index + 1);
  }
  return count;
}

/** Characters of the first `depth` names of a path, with their slashes. */
function lengthOf(path: string, depth: number): number {
  let length = 0;
  for (let count = 0; count < depth; count += 1) length = path.indexOf('/', length) + 1;
  return length;
}

/** The rows of a body. Throws `corrupt`. */
export function decodeListing(bytes: Uint8Array): ListingRow[] {
  const reader = new ListingReader(asBuffer(bytes));
  const rows: ListingRow[] = [];
  while (!reader.isAtEnd) rows.push(reader.next());
  return rows;
}

class ListingReader {
  readonly #bytes: Buffer;
  #offset = 0;
  /** Directories of the row before, by the number of their names, with a slash behind them. */
  readonly #directories = [''];

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#offset === this.#bytes.length;
  }

  next(): ListingRow {
    const bytes = this.#bytes;
    const start = this.#advance(HEAD_BYTES);
    const code = bytes[start];
    const mode = bytes.readUInt16BE(start + 2);
    const mtimeUs = bytes.readInt32BE(start + 4) * UINT32 + bytes.readUInt32BE(start + 8);
    if (mode > 0o7777 || !Number.isSafeInteger(mtimeUs)) throw malformed('a mode or a time');
    const relative = this.#path(bytes[start + 1] ?? 0, bytes.readUInt16BE(start + 12));
    const common = { relative, mode, mtimeUs };
    switch (code) {
      case KIND.file: {
        const size = this.#size();
        const content = this.#advance(DIGEST_BYTES);
        return {
          ...common,
          kind: 'file',
          size,
          content: bytes.subarray(content, content + DIGEST_BYTES),
        };
      }
      case KIND.fileOnly:
        return { ...common, kind: 'file', size: this.#size() };
      case KIND.directory:
        return { ...common, kind: 'directory', size: 0 };
      case KIND.symlink: {
        const length = bytes.readUInt16BE(this.#advance(2));
        if (length > LIMITS.symlinkTargetBytesMax) throw malformed('the length of a target');
        return { ...common, kind: 'symlink', size: 0, target: this.#text(length) };
      }
      default:
        throw malformed(`kind ${code}`);
    }
  }

  #path(depth: number, length: number): string {
    const directories = this.#directories;
    const directory = directories[depth];
    if (directory === undefined || length === 0 || length > LIMITS.pathBytesMax) {
      throw malformed('a path');
    }
    directories.length = depth + 1;
    const path = directory + this.#text(length);
    for (let slash = path.indexOf('/', directory.length); slash !== -1; ) {
      directories.push(path.slice(0, slash + 1));
      slash = path.indexOf('/', slash + 1);
    }
    return path;
  }

  #size(): number {
    const start = this.#advance(SIZE_BYTES);
    const size = this.#bytes.readUInt32BE(start) * UINT32 + this.#bytes.readUInt32BE(start + 4);
    if (!Number.isSafeInteger(size)) throw malformed('a size');
    return size;
  }

  #text(length: number): string {
    const start = this.#advance(length);
    const text = this.#bytes.toString('utf8', start, start + length);
    if (text.includes(REPLACEMENT_CHARACTER)) {
      const isExact = bytesEqual(utf8Encode(text), this.#bytes.subarray(start, start + length));
      if (!isExact) throw malformed('a text that is not UTF-8');
    }
    return text;
  }

  #advance(length: number): number {
    const start = this.#offset;
    if (length > this.#bytes.length - start) throw malformed('it is cut short');
    this.#offset += length;
    return start;
  }
}

function malformed(why: string): GdpfsError {
  return new GdpfsError('corrupt', `cannot decode listing: ${why}`);
}
