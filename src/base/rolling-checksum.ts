import { crc32 } from './digest.ts';

/**
 * Finds a string of bytes by its length and CRC-32 (ISO-HDLC). The checksum is linear: that of a window
 * which moves by one byte follows from the one before and the two bytes that enter and leave.
 */

/** What a byte does to the register when it enters; and, shifted, the register's lowest byte. */
const ENTER = Int32Array.from({ length: 256 }, (_, byte) => enter(byte));

/** Offset of the first `length` bytes of `bytes` with that checksum; undefined if there are none. */
export function findByChecksum(
  bytes: Uint8Array,
  length: number,
  checksum: number,
): number | undefined {
  if (length > bytes.length) return undefined;
  const zeros = new Uint8Array(length + 1);
  const leave = leaveTable(zeros);
  // Without the constant that the CRC's start and end values add for this length.
  const wanted = (checksum ^ crc32(zeros.subarray(1))) | 0;
  let register = (crc32(bytes.subarray(0, length)) ^ crc32(zeros.subarray(1))) | 0;
  for (let end = length; ; end += 1) {
    if (register === wanted) return end - length;
    if (end >= bytes.length) return undefined;
    const entering = bytes[end] ?? 0;
    const leaving = bytes[end - length] ?? 0;
    register =
      (ENTER[(register ^ entering) & 0xff] ?? 0) ^ (register >>> 8) ^ (leave[leaving] ?? 0);
  }
}

/** What a byte is in the register when as many bytes as `zeros` has have entered, itself the first. */
function leaveTable(zeros: Uint8Array): Int32Array {
  const constant = crc32(zeros);
  const bits = Array.from({ length: 8 }, (_, bit) => {
    const bytes = zeros.slice();
    bytes[0] = 1 << bit;
    return crc32(bytes) ^ constant;
  });
  return Int32Array.from({ length: 256 }, (_, byte) => {
    return bits.reduce((sum, value, bit) => (((byte >>> bit) & 1) === 1 ? sum ^ value : sum), 0);
  });
}

function enter(byte: number): number {
  const polynomial = 0xedb88320;
  let register = byte;
  for (let bit = 0; bit < 8; bit += 1) {
    register = (register & 1) === 1 ? (register >>> 1) ^ polynomial : register >>> 1;
  }
  return register;
}
