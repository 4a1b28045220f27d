import { asBuffer, copyBytes } from '../base/bytes.ts';
import { END_BYTES, KINDS, type PackEntry, ROW, ROW_BYTES } from './entry-pack.ts';

const UINT32 = 2 ** 32;
const MODE_MASK = 0o7777;
/** A UTF-16 unit takes three bytes at most. */
const BYTES_PER_UNIT_MAX = 3;
const ROWS_CAPACITY = 128;
const TEXT_BYTES_EACH = 32;
const GROWTH = 2;

/** Memory that a pack of such entries takes at most. */
export function packBytesMax(
  entries: readonly {
    readonly relative: string;
    readonly target?: string;
    readonly size: number;
  }[],
): number {
  let bytes = END_BYTES;
  for (const { relative, target = '', size } of entries) {
    bytes += ROW_BYTES + size + (relative.length + target.length) * BYTES_PER_UNIT_MAX;
  }
  return bytes;
}

/** Entries in listing order. They are the caller's own and are not checked. */
export function encodeEntryPack(entries: readonly PackEntry[]): Uint8Array {
  let bytes = END_BYTES;
  for (const entry of entries) {
    const { path, kind } = entry;
    const text = path.length + (kind === 'symlink' ? entry.target.length : 0);
    const content = kind === 'file' ? entry.data.length : 0;
    bytes += ROW_BYTES + content + text * BYTES_PER_UNIT_MAX;
  }
  const writer = new EntryPackWriter(new ArrayBuffer(bytes));
  for (const entry of entries) writer.add(entry);
  return writer.finish();
}

interface Attributes {
  readonly path: string;
  readonly mode: number;
  readonly mtimeUs: number;
}

/**
 * Writes a pack entry by entry, in listing order, into one piece of memory, which grows as it must.
 * Entries are the caller's own and are not checked.
 */
export class EntryPackWriter {
  #bytes: Uint8Array;
  #contentBytes = 0;
  /** With zeros behind the rows. */
  #rows: Uint8Array<ArrayBuffer> = new Uint8Array(ROWS_CAPACITY * ROW_BYTES);
  #fields = new DataView(this.#rows.buffer);
  #count = 0;
  #texts = Buffer.allocUnsafeSlow(ROWS_CAPACITY * TEXT_BYTES_EACH);
  #textBytes = 0;
  /** Where the file that was opened last begins, in content and in texts. */
  #openContent = 0;
  #openText = 0;

  /** `memory` is written over; what takes its place when it is full is shared if it is. */
  constructor(memory: ArrayBufferLike) {
    this.#bytes = new Uint8Array(memory);
  }

  /** Entries that it has. */
  get count(): number {
    return this.#count;
  }

  add(entry: PackEntry): void {
    switch (entry.kind) {
      case 'directory':
        this.#row(KINDS.directory, entry);
        return;
      case 'symlink':
        this.#row(KINDS.symlink, entry, entry.target);
        return;
      case 'reference': {
        const row = this.#row(KINDS.reference, entry);
        this.#fields.setUint32(row + ROW.size, entry.size);
        this.#fields.setUint32(row + ROW.checksum, entry.checksum);
        this.#rows.set(entry.digest, row);
        return;
      }
      case 'file': {
        const { data } = entry;
        copyBytes(data, this.open(entry, data.length), 0);
        this.seal(entry.digest);
      }
    }
  }

  /** Only what is told of a file or reference: its content goes no further. */
  addHead(
    head: Attributes,
    of: { readonly kind: 'file' | 'reference'; readonly digest: Uint8Array; readonly size: number },
  ): void {
    const row = this.#row(KINDS[of.kind], head);
    this.#fields.setUint32(row + ROW.size, of.size);
    this.#rows.set(of.digest, row);
  }

  /** Where to put the content of a file. Then comes `seal`, or `undo`. */
  open(file: Attributes, size: number): Uint8Array {
    this.#openContent = this.#contentBytes;
    this.#openText = this.#textBytes;
    const row = this.#row(KINDS.file, file);
    this.#fields.setUint32(row + ROW.size, size);
    this.#reserve(size);
    const start = this.#contentBytes;
    this.#contentBytes += size;
    return this.#bytes.subarray(start, this.#contentBytes);
  }

  /** The file that was opened last is complete. */
  seal(digest: Uint8Array): void {
    this.#rows.set(digest, (this.#count - 1) * ROW_BYTES);
  }

  /** Forgets the file that was opened last. */
  undo(): void {
    this.#contentBytes = this.#openContent;
    this.#textBytes = this.#openText;
    this.#count -= 1;
    this.#fields.setUint32(this.#count * ROW_BYTES + ROW.size, 0);
  }

  /** The whole body, a view of the writer's memory. */
  finish(): Uint8Array {
    const rowsBytes = this.#count * ROW_BYTES;
    this.#reserve(rowsBytes + this.#textBytes + END_BYTES);
    let at = this.#contentBytes;
    copyBytes(this.#rows.subarray(0, rowsBytes), this.#bytes, at);
    at += rowsBytes;
    copyBytes(this.#texts.subarray(0, this.#textBytes), this.#bytes, at);
    at += this.#textBytes;
    const end = asBuffer(this.#bytes);
    end.writeUInt32BE(this.#contentBytes, at);
    end.writeUInt32BE(this.#textBytes, at + 4);
    end.writeUInt32BE(this.#count, at + 8);
    return this.#bytes.subarray(0, at + END_BYTES);
  }

  /** Where the row begins. */
  #row(kind: number, { path, mode, mtimeUs }: Attributes, target = ''): number {
    const start = this.#count * ROW_BYTES;
    if (start === this.#rows.length) {
      this.#rows = grown(this.#rows, GROWTH * start);
      this.#fields = new DataView(this.#rows.buffer);
    }
    const textBytesMax = (path.length + target.length) * BYTES_PER_UNIT_MAX;
    if (this.#textBytes + textBytesMax > this.#texts.length) {
      this.#texts = grown(this.#texts, GROWTH * (this.#textBytes + textBytesMax));
    }
    this.#count += 1;
    const pathBytes = this.#texts.write(path, this.#textBytes);
    this.#textBytes += pathBytes;
    const targetBytes = target === '' ? 0 : this.#texts.write(target, this.#textBytes);
    this.#textBytes += targetBytes;
    const high = Math.floor(mtimeUs / UINT32);
    const fields = this.#fields;
    fields.setInt32(start + ROW.mtime, high);
    fields.setUint32(start + ROW.mtime + 4, mtimeUs - high * UINT32);
    fields.setUint16(start + ROW.mode, mode & MODE_MASK);
    fields.setUint16(start + ROW.pathBytes, pathBytes);
    fields.setUint16(start + ROW.targetBytes, targetBytes);
    fields.setUint8(start + ROW.kind, kind);
    return start;
  }

  /** Room for so many bytes behind the content. */
  #reserve(length: number): void {
    const needed = this.#contentBytes + length;
    if (needed <= this.#bytes.length) return;
    const capacity = Math.max(GROWTH * this.#bytes.length, needed);
    const isShared = this.#bytes.buffer instanceof SharedArrayBuffer;
    const larger = new Uint8Array(
      isShared ? new SharedArrayBuffer(capacity) : new ArrayBuffer(capacity),
    );
    copyBytes(this.#bytes.subarray(0, this.#contentBytes), larger, 0);
    this.#bytes = larger;
  }
}

/** With zeros behind it, in memory of its own. */
function grown(bytes: Uint8Array, length: number): Buffer<ArrayBuffer> {
  const larger = Buffer.alloc(length);
  larger.set(bytes);
  return larger;
}
