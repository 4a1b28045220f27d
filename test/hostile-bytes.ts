/** What every decoder must survive: the same bytes, damaged in every small way. */

/** Every proper prefix of `bytes`, the empty one included. */
export function truncations(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length }, (_, length) => bytes.slice(0, length));
}

/** `bytes` with each of its bits flipped in turn. */
export function bitFlips(bytes: Uint8Array): Uint8Array[] {
  return Array.from({ length: bytes.length * 8 }, (_, bit) => flipBit(bytes, bit));
}

/** `bytes` with one bit flipped: number `choice`, modulo their count. */
export function flipBit(bytes: Uint8Array, choice: number): Uint8Array {
  const bit = choice % (bytes.length * 8);
  const index = Math.floor(bit / 8);
  return bytes.with(index, (bytes[index] ?? 0) ^ (1 << (bit % 8)));
}
