/** CRC-32C (Castagnoli), eight bytes a step, and the mask that TFRecord files put over it. */

/** The polynomial, bits reversed. */
const POLYNOMIAL = 0x82f63b78;
const STEP_BYTES = 8;
/** Of a CRC of one byte, as it is when 0 to 7 bytes of zeros follow: 256 entries each. */
const TABLE = tables();

const MASK_ROTATION = 15;
const MASK_DELTA = 0xa282ead8;

export function crc32c(bytes: Uint8Array): number {
  const table = TABLE;
  const end = bytes.length - (bytes.length % STEP_BYTES);
  let crc = -1;
  let index = 0;
  // The casts are for the compiler: every index is inside.
  for (; index < end; index += STEP_BYTES) {
    crc ^=
      (bytes[index] as number) |
      ((bytes[index + 1] as number) << 8) |
      ((bytes[index + 2] as number) << 16) |
      ((bytes[index + 3] as number) << 24);
    crc =
      (table[1792 + (crc & 0xff)] as number) ^
      (table[1536 + ((crc >>> 8) & 0xff)] as number) ^
      (table[1280 + ((crc >>> 16) & 0xff)] as number) ^
      (table[1024 + (crc >>> 24)] as number) ^
      (table[768 + (bytes[index + 4] as number)] as number) ^
      (table[512 + (bytes[index + 5] as number)] as number) ^
      (table[256 + (bytes[index + 6] as number)] as number) ^
      (table[bytes[index + 7] as number] as number);
  }
  for (; index < bytes.length; index += 1) {
    crc = (table[(crc ^ (bytes[index] as number)) & 0xff] as number) ^ (crc >>> 8);
  }
  return ~crc >>> 0;
}

/** A CRC as a TFRecord file has it: one of bytes that hold CRCs themselves would tell little. */
export function maskedCrc32c(bytes: Uint8Array): number {
  const crc = crc32c(bytes);
  const rotated = (crc >>> MASK_ROTATION) | (crc << (32 - MASK_ROTATION));
  return (rotated + MASK_DELTA) >>> 0;
}

function tables(): Int32Array {
  const table = new Int32Array(STEP_BYTES * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1)
      crc = (crc & 1) === 1 ? (crc >>> 1) ^ POLYNOMIAL : crc >>> 1;
    table[byte] = crc;
  }
  for (let index = 256; index < table.length; index += 1) {
    const crc = table[index - 256] as number;
    table[index] = (table[crc & 0xff] as number) ^ (crc >>> 8);
  }
  return table;
}
