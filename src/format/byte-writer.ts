import { newBytes } from '../base/bytes.ts';

const TWO_32 = 2 ** 32;

/** Big-endian writer into one growing buffer; the mirror of ByteReader. */
export class ByteWriter {
  #bytes: Uint8Array<ArrayBuffer>;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = newBytes(capacity);
    this.#view = viewOf(this.#bytes);
  }

  get length(): number {
    return this.#length;
  }

  uint8(value: number): this {
    const start = this.#grow(1);
    this.#view.setUint8(start, value);
    return this;
  }

  uint16(value: number): this {
    const start = this.#grow(2);
    this.#view.setUint16(start, value);
    return this;
  }

  uint32(value: number): this {
    const start = this.#grow(4);
    this.#view.setUint32(start, value);
    return this;
  }

  /** In two halves, which cost a fifth of what a BigInt does. Throws RangeError unless `value` is one. */
  uint64(value: number): this {
    if (value < 0 || !Number.isInteger(value)) throw new RangeError(`no uint64: ${value}`);
    const start = this.#grow(8);
    const high = Math.floor(value / TWO_32);
    this.#view.setUint32(start, high);
    this.#view.setUint32(start + 4, value - high * TWO_32);
    return this;
  }

  bytes(value: Uint8Array): this {
    const start = this.#grow(value.length);
    this.#bytes.set(value, start);
    return this;
  }

  sizedBytes(value: Uint8Array): this {
    return this.uint32(value.length).bytes(value);
  }

  /** What was written: a view of the writer's buffer, final. */
  finish(): Uint8Array<ArrayBuffer> {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(length: number): number {
    const start = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.length) {
      const larger = newBytes(Math.max(this.#length, this.#bytes.length * 2));
      larger.set(this.#bytes.subarray(0, start));
      this.#bytes = larger;
      this.#view = viewOf(larger);
    }
    return start;
  }
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}
