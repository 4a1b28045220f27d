/** Small helpers on Uint8Array. `Buffer` methods are used where they are the fast built-in way. */

const textEncoder = new TextEncoder();
const strictTextDecoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

export const EMPTY_BYTES: Uint8Array<ArrayBuffer> = new Uint8Array(0);

/** Pieces up to this size share memory. */
const SHARED_PIECE_BYTES_MAX = 1024;
const SHARED_BYTES = 16 * 1024;

let shared = new ArrayBuffer(SHARED_BYTES);
let sharedUsed = 0;

/**
 * Zeros, to be written to once. Small pieces are views of common memory, as those of `Buffer` are: a
 * piece of its own moves out of V8's heap as soon as anything looks at it as a Buffer, which costs
 * more than the hash of a record, and once more when it is collected. So do not transfer `buffer`.
 */
export function newBytes(length: number): Uint8Array<ArrayBuffer> {
  if (length > SHARED_PIECE_BYTES_MAX) return new Uint8Array(length);
  if (sharedUsed + length > SHARED_BYTES) {
    shared = new ArrayBuffer(SHARED_BYTES);
    sharedUsed = 0;
  }
  const bytes = new Uint8Array(shared, sharedUsed, length);
  sharedUsed += (length + 7) & ~7;
  return bytes;
}

/**
 * Views of the start of some memory that is used again and again, one for each length: making a view costs as
 * much as the short copy, or the hash, that it is made for.
 */
export class StartViews {
  readonly #bytes: Uint8Array;
  readonly #views: (Uint8Array | undefined)[] = [];

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The first `length` bytes, of which there must be as many. */
  of(length: number): Uint8Array {
    return (this.#views[length] ??= this.#bytes.subarray(0, length));
  }
}

export function utf8Encode(text: string): Uint8Array<ArrayBuffer> {
  return textEncoder.encode(text);
}

/** Throws TypeError on anything that is not well-formed UTF-8. A byte order mark is kept. */
export function utf8Decode(bytes: Uint8Array): string {
  return strictTextDecoder.decode(bytes);
}

/** A view, not a copy, as the Buffer that many built-ins want. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

export function bytesEqual(left: Uint8Array, right: Uint8Array): boolean {
  return Buffer.compare(left, right) === 0;
}

export function concatBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  let length = 0;
  for (const part of parts) length += part.length;
  const joined = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    joined.set(part, offset);
    offset += part.length;
  }
  return joined;
}

/**
 * Copies all of `source` to `target` from `offset` on, where there must be room for it, unless that is
 * where it lies. Between shared
 * memory and other memory, `set` copies word by word, as other threads could watch; nobody may here.
 */
export function copyBytes(source: Uint8Array, target: Uint8Array, offset: number): void {
  const isThere =
    source.buffer === target.buffer && source.byteOffset === target.byteOffset + offset;
  // The one way to a plain copy: `copy` calls `set`.
  if (source.length > 0 && !isThere) asBuffer(target).fill(source, offset, offset + source.length);
}

/**
 * Divides what `parts` hold, one behind the other, into runs of at most so many bytes and parts. Parts
 * are cut where they must be, and nothing is copied.
 */
export function* runsOf(
  parts: readonly Uint8Array[],
  max: { readonly bytes: number; readonly parts: number },
): Generator<Uint8Array[], void, void> {
  let run: Uint8Array[] = [];
  let room = max.bytes;
  for (const part of parts) {
    for (let start = 0; start < part.length; ) {
      const piece = part.subarray(start, start + room);
      run.push(piece);
      start += piece.length;
      room -= piece.length;
      if (room > 0 && run.length < max.parts) continue;
      yield run;
      run = [];
      room = max.bytes;
    }
  }
  if (run.length > 0) yield run;
}

/** What `parts` hold before byte `at`, and what from there on; nothing is copied. */
export function splitParts(
  parts: readonly Uint8Array[],
  at: number,
): [before: Uint8Array[], after: Uint8Array[]] {
  const before: Uint8Array[] = [];
  const after: Uint8Array[] = [];
  let left = at;
  for (const part of parts) {
    if (left > 0) before.push(part.subarray(0, left));
    if (left < part.length) after.push(left > 0 ? part.subarray(left) : part);
    left -= Math.min(left, part.length);
  }
  return [before, after];
}

export function hexEncode(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('hex');
}

/** Undefined unless `text` is an even number of lower-case hexadecimal digits. */
export function hexDecode(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length % 2 !== 0 || !/^[0-9a-f]*$/.test(text)) return undefined;
  return new Uint8Array(Buffer.from(text, 'hex'));
}

/** RFC 4648 section 5, without padding. */
export function base64urlEncode(bytes: Uint8Array): string {
  return asBuffer(bytes).toString('base64url');
}

/** Undefined unless `text` is the one canonical encoding of some bytes. */
export function base64urlDecode(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (!/^[A-Za-z0-9_-]*$/.test(text)) return undefined;
  const bytes = new Uint8Array(Buffer.from(text, 'base64url'));
  return base64urlEncode(bytes) === text ? bytes : undefined;
}
