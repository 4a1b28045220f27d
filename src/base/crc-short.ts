/**
 * CRC-32 (ISO-HDLC, as in zlib) of few bytes, one by one: asking the library takes as long as a hundred of them
 * do here, and the chunk of each small file has two such checksums.
 */

const TABLE = Int32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 1) === 1 ? (crc >>> 1) ^ 0xedb88320 : crc >>> 1;
  return crc;
});

/** Of the first `length` bytes; `seed` continues an earlier value. */
export function crc32Short(bytes: Uint8Array, length: number, seed = 0): number {
  let crc = ~seed;
  for (let index = 0; index < length; index += 1) {
    crc = (TABLE[(crc ^ (bytes[index] ?? 0)) & 0xff] ?? 0) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}
