import { hkdfSync } from 'node:crypto';
import { concatBytes, utf8Encode } from '../base/bytes.ts';
import { LIMITS } from '../base/limits.ts';

/**
 * Content-defined chunking: FastCDC with a Gear hash whose table is secret to the volume. Where a
 * chunk ends depends on its bytes alone, so bytes put in at one place move no boundary far from it.
 * docs/formats.md has the rule; both ends cut by this code, so that equal files become equal chunks.
 */

/** Bytes of a volume's chunking key. */
export const CHUNKING_KEY_BYTES = 32;

/** Below this length a boundary is rare, behind it common: chunks come out near the average. */
const CUT_BYTES_NORMAL = 208 * 1024;
/** A boundary is where the hash is below this: 20 bits are zero before the normal length, 16 behind. */
const RARE_BELOW = 2 ** 12;
const COMMON_BELOW = 2 ** 16;

const GEAR_ENTRIES = 256;
const GEAR_INFO = utf8Encode('gdpfs/v1 gear table\n');
const KEY_INFO = utf8Encode('gdpfs/v1 chunking key\n');
const NO_SALT = new Uint8Array(0);

/** How a volume's files are cut into chunks, as the server tells those who may write. */
export type Chunking =
  | { readonly mode: 'fixed'; readonly chunkSize: number }
  | { readonly mode: 'cdc'; readonly key: Uint8Array };

/** Finds the ends of chunks in a stream that comes in pieces, wherever these end. */
export interface Cutter {
  /** No chunk is longer, in bytes. */
  readonly lengthMax: number;
  /**
   * Goes on with `bytes` from `start` to `end`. Returns the index behind the chunk's last byte, and
   * the next call begins a new chunk; -1 if all bytes belong to the chunk and it may go on.
   */
  push(bytes: Uint8Array, start?: number, end?: number): number;
  /** Forgets the chunk that was begun. */
  reset(): void;
}

export function createCutter(chunking: Chunking): Cutter {
  if (chunking.mode === 'cdc') return new ContentCutter(chunking.key);
  return new FixedCutter(chunking.chunkSize);
}

/** What the meta record of a file log says of the chunk size: by content, it is the average. */
export function recordedChunkSize(chunking: Chunking): number {
  return chunking.mode === 'cdc' ? LIMITS.chunkBytesDefault : chunking.chunkSize;
}

/** The chunking key of a volume: `ownerSeed` is the owner's Ed25519 private key, 32 bytes. */
export function chunkingKey(ownerSeed: Uint8Array, volumeName: Uint8Array): Uint8Array {
  const info = concatBytes([KEY_INFO, volumeName]);
  return new Uint8Array(hkdfSync('sha256', ownerSeed, NO_SALT, info, CHUNKING_KEY_BYTES));
}

/** All chunks but the last have one length. */
class FixedCutter implements Cutter {
  readonly lengthMax: number;
  #length = 0;

  constructor(chunkSize: number) {
    this.lengthMax = chunkSize;
  }

  push(bytes: Uint8Array, start = 0, end = bytes.length): number {
    const cut = start + this.lengthMax - this.#length;
    this.#length = cut > end ? this.#length + end - start : 0;
    return cut > end ? -1 : cut;
  }

  reset(): void {
    this.#length = 0;
  }
}

/** By content. */
export class ContentCutter implements Cutter {
  readonly lengthMax = LIMITS.cutBytesMax;
  readonly #gear: Uint32Array;
  #hash = 0;
  #length = 0;

  constructor(key: Uint8Array) {
    this.#gear = gearTable(key);
  }

  push(bytes: Uint8Array, start = 0, end = bytes.length): number {
    // Where this chunk's first byte is, or would be, in terms of `bytes`.
    const origin = start - this.#length;
    let position = Math.max(start, Math.min(end, origin + LIMITS.cutBytesMin));
    const normalEnd = Math.min(end, origin + CUT_BYTES_NORMAL);
    const maxEnd = Math.min(end, origin + LIMITS.cutBytesMax);
    position = this.#scan(bytes, { position, end: normalEnd, below: RARE_BELOW });
    if (position < 0) return this.#cut(-position);
    position = this.#scan(bytes, { position, end: maxEnd, below: COMMON_BELOW });
    if (position < 0) return this.#cut(-position);
    if (maxEnd === origin + LIMITS.cutBytesMax) return this.#cut(maxEnd);
    this.#length = end - origin;
    return -1;
  }

  reset(): void {
    this.#hash = 0;
    this.#length = 0;
  }

  #cut(end: number): number {
    this.reset();
    return end;
  }

  /** The negative index behind a boundary, or how far it got. */
  #scan(
    bytes: Uint8Array,
    { position, end, below }: { position: number; end: number; below: number },
  ): number {
    const gear = this.#gear;
    let hash = this.#hash;
    for (let index = position; index < end; index += 1) {
      // The cast and the default are for the compiler; a byte is always in the table.
      hash = ((hash << 1) + (gear[bytes[index] as number] as number)) >>> 0;
      if (hash < below) return -(index + 1);
    }
    this.#hash = hash;
    return Math.max(position, end);
  }
}

/** 256 numbers of 32 bits, big-endian, that nobody without the key can tell from random ones. */
function gearTable(key: Uint8Array): Uint32Array {
  const bytes = hkdfSync('sha256', key, NO_SALT, GEAR_INFO, 4 * GEAR_ENTRIES);
  const view = new DataView(bytes);
  return Uint32Array.from({ length: GEAR_ENTRIES }, (_, index) => view.getUint32(4 * index));
}
