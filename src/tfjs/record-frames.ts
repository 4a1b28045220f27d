import { GdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { maskedCrc32c } from './crc32c.ts';

/**
 * The frames of a TFRecord file, one behind the other, numbers little-endian: uint64 length | uint32
 * masked CRC-32C of the length | data | uint32 masked CRC-32C of the data.
 */

const LENGTH_BYTES = 8;
const CRC_BYTES = 4;
const HEAD_BYTES = LENGTH_BYTES + CRC_BYTES;
const UINT32_RANGE = 2 ** 32;

/** A record as it is in a file. */
export function encodeRecord(data: Uint8Array): Uint8Array {
  const frame = new Uint8Array(HEAD_BYTES + data.length + CRC_BYTES);
  const view = new DataView(frame.buffer);
  view.setUint32(0, data.length % UINT32_RANGE, true);
  view.setUint32(4, Math.floor(data.length / UINT32_RANGE), true);
  view.setUint32(LENGTH_BYTES, maskedCrc32c(frame.subarray(0, LENGTH_BYTES)), true);
  frame.set(data, HEAD_BYTES);
  view.setUint32(HEAD_BYTES + data.length, maskedCrc32c(data), true);
  return frame;
}

/** Finds the records of one file, which comes in pieces of any size. */
export class RecordDecoder {
  readonly #name: string;
  readonly #head = new Uint8Array(HEAD_BYTES);
  readonly #headView = new DataView(this.#head.buffer);
  #headFilled = 0;
  /** Data and its CRC; undefined while the head is not whole. */
  #record: Uint8Array | undefined;
  #recordFilled = 0;
  #count = 0;
  /** Of the record that is being read, in the file. */
  #offset = 0;

  /** `name` is that of the file, for messages. */
  constructor(name: string) {
    this.#name = name;
  }

  /**
   * The records that `piece` completes, each in memory of its own. Throws `corrupt`, which names the
   * place, for one that is not what was written, `body_too_large` for one that no memory is spent on.
   */
  push(piece: Uint8Array): Uint8Array[] {
    const records: Uint8Array[] = [];
    for (let at = 0; at < piece.length; ) {
      if (this.#record === undefined) {
        at += this.#takeHead(piece, at);
        continue;
      }
      const record = this.#record;
      const part = piece.subarray(at, at + record.length - this.#recordFilled);
      record.set(part, this.#recordFilled);
      this.#recordFilled += part.length;
      at += part.length;
      if (this.#recordFilled === record.length) records.push(this.#finish(record));
    }
    return records;
  }

  /** Throws `corrupt` if the file ended inside a record. */
  end(): void {
    if (this.#headFilled > 0) throw this.#corrupt('the file ends inside it');
  }

  /** Bytes taken. */
  #takeHead(piece: Uint8Array, at: number): number {
    const part = piece.subarray(at, at + HEAD_BYTES - this.#headFilled);
    this.#head.set(part, this.#headFilled);
    this.#headFilled += part.length;
    if (this.#headFilled === HEAD_BYTES) {
      this.#record = new Uint8Array(this.#length() + CRC_BYTES);
      this.#recordFilled = 0;
    }
    return part.length;
  }

  #length(): number {
    const view = this.#headView;
    if (maskedCrc32c(this.#head.subarray(0, LENGTH_BYTES)) !== view.getUint32(LENGTH_BYTES, true)) {
      throw this.#corrupt('its length does not have its checksum');
    }
    const length = view.getUint32(4, true) * UINT32_RANGE + view.getUint32(0, true);
    if (length <= LIMITS.tfrecordBytesMax) return length;
    throw new GdpfsError(
      'body_too_large',
      `${this.#what}: it has ${length} bytes, need at most ${LIMITS.tfrecordBytesMax}`,
      { details: this.#place },
    );
  }

  #finish(record: Uint8Array): Uint8Array {
    const length = record.length - CRC_BYTES;
    const data = record.subarray(0, length);
    const expected = new DataView(record.buffer).getUint32(length, true);
    if (maskedCrc32c(data) !== expected) throw this.#corrupt('its data does not have its checksum');
    this.#offset += HEAD_BYTES + record.length;
    this.#count += 1;
    this.#headFilled = 0;
    this.#record = undefined;
    return data;
  }

  get #what(): string {
    return `cannot read record ${this.#count} at byte ${this.#offset} of "${this.#name}"`;
  }

  get #place(): { readonly path: string; readonly offset: number } {
    return { path: this.#name, offset: this.#offset };
  }

  #corrupt(state: string): GdpfsError {
    return new GdpfsError('corrupt', `${this.#what}: ${state}`, {
      hint: 'is it a TFRecord file, and not a compressed one',
      details: this.#place,
    });
  }
}
