import { GdpfsError } from '../base/errors.ts';

const TWO_32 = 2 ** 32;

/** Big-endian reader over hostile bytes: every read is checked, and so is the end. */
export class ByteReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #what: string;
  #offset = 0;

  /** `what` names the thing being decoded in error messages. */
  constructor(bytes: Uint8Array, what: string) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#what = what;
  }

  get offset(): number {
    return this.#offset;
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  uint8(): number {
    return this.#view.getUint8(this.#advance(1));
  }

  uint16(): number {
    return this.#view.getUint16(this.#advance(2));
  }

  uint32(): number {
    return this.#view.getUint32(this.#advance(4));
  }

  /** A uint64 that must be at most 2^53-1. */
  uint64(): number {
    const start = this.#advance(8);
    const value = this.#view.getUint32(start) * TWO_32 + this.#view.getUint32(start + 4);
    // Beyond it the sum is rounded, and never to less than the first that is too large.
    if (value > Number.MAX_SAFE_INTEGER) throw this.#malformed('a number is too large');
    return value;
  }

  /** A view, not a copy. */
  bytes(length: number): Uint8Array {
    const { buffer, byteOffset } = this.#bytes;
    return new Uint8Array(buffer, byteOffset + this.#advance(length), length);
  }

  /** uint32 length, then the bytes; at most `max`. */
  sizedBytes(max: number): Uint8Array {
    const length = this.uint32();
    if (length > max) throw this.#malformed(`a length is ${length}, need at most ${max}`);
    return this.bytes(length);
  }

  /** A uint32 count of items that take at least `itemBytesMin` each, checked before allocating. */
  count(max: number, itemBytesMin: number): number {
    const count = this.uint32();
    if (count > max || count * itemBytesMin > this.remaining) {
      throw this.#malformed(`a count is ${count}`);
    }
    return count;
  }

  end(): void {
    if (this.remaining > 0) throw this.#malformed(`${this.remaining} bytes too many`);
  }

  #advance(length: number): number {
    if (length > this.remaining) throw this.#malformed('it is cut short');
    const start = this.#offset;
    this.#offset += length;
    return start;
  }

  #malformed(why: string): GdpfsError {
    return new GdpfsError('corrupt', `cannot decode ${this.#what}: ${why}`);
  }
}
