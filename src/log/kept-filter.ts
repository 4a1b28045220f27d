import { randomFillSync } from 'node:crypto';
import { assert } from '../base/errors.ts';

/** Bits that a chunk sets. */
const PROBES = 6;
/** Before the bits: for each probe what makes this filter's places other than those of any other. */
const SALT_WORDS = 16;
const SALT_BYTES = SALT_WORDS * Int32Array.BYTES_PER_ELEMENT;
/** Odd, so that multiples of it are all different: what tells volumes apart. */
const VOLUME_FACTOR = 0x9e3779b1;

/**
 * Which chunks are to be kept: a Bloom filter over volumes (index ids) and digests. It takes the same
 * memory however many there are; it says of a few others that they are in it, never of one in it that it
 * is not. Several threads may add at once.
 */
export class KeptFilter {
  /** All that it is, to hand it to another thread: `new KeptFilter(shared)`. */
  readonly shared: SharedArrayBuffer;
  readonly #words: Int32Array;
  readonly #salts: Int32Array;
  readonly #mask: number;

  constructor(shared: SharedArrayBuffer) {
    this.shared = shared;
    this.#salts = new Int32Array(shared, 0, SALT_WORDS);
    this.#words = new Int32Array(shared, SALT_BYTES);
    this.#mask = this.#words.length - 1;
  }

  /** An empty one of so many bytes, a power of two. */
  static create(bytes: number): KeptFilter {
    assert(bytes >= 64 && Number.isInteger(Math.log2(bytes)), 'a filter has 2^n bytes');
    const shared = new SharedArrayBuffer(SALT_BYTES + bytes);
    randomFillSync(new Int32Array(shared, 0, SALT_WORDS));
    return new KeptFilter(shared);
  }

  add(volume: number, digest: Uint8Array): void {
    for (let probe = 0; probe < PROBES; probe++) {
      const place = this.#place(probe, volume, digest);
      const bit = 1 << (place & 31);
      const word = (place >>> 5) & this.#mask;
      if ((Atomics.load(this.#words, word) & bit) === 0) Atomics.or(this.#words, word, bit);
    }
  }

  has(volume: number, digest: Uint8Array): boolean {
    for (let probe = 0; probe < PROBES; probe++) {
      const place = this.#place(probe, volume, digest);
      const word = (place >>> 5) & this.#mask;
      if ((Atomics.load(this.#words, word) & (1 << (place & 31))) === 0) return false;
    }
    return true;
  }

  /** Digests are as good as random: their words are hashes already. */
  #place(probe: number, volume: number, digest: Uint8Array): number {
    const at = 4 * probe;
    const a = digest[at] ?? 0;
    const b = digest[at + 1] ?? 0;
    const c = digest[at + 2] ?? 0;
    const d = digest[at + 3] ?? 0;
    const salt = this.#salts[probe] ?? 0;
    const own = Math.imul(volume ^ salt, VOLUME_FACTOR);
    return ((a << 24) | (b << 16) | (c << 8) | d) ^ own ^ (own >>> 15);
  }
}
