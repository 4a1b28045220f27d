/**
 * CRC-32 (ISO-HDLC) of two strings of bytes behind each other, from the CRC-32 of each: so that bytes
 * which were summed once need not be read again. In the polynomials over GF(2) modulo that of the CRC,
 * appending n bytes multiplies by x^(8n).
 */

/** The polynomial, bits reversed as in the CRC: the highest bit is the coefficient of x^0. */
const POLYNOMIAL = 0xedb88320;
const X_0 = 0x80000000;
const X_1 = 0x40000000;

/** x^(2^k) modulo the polynomial. Its period divides 2^32-1, so 32 of them serve every length. */
const POWERS = squares();

/** `secondLength` in bytes, a safe integer. */
export function crc32Combine(first: number, second: number, secondLength: number): number {
  // Eight bits a byte: x^(8n) starts at the power x^(2^3).
  let shift = X_0;
  for (let rest = secondLength, k = 3; rest > 0; rest = Math.floor(rest / 2), k++) {
    if (rest % 2 === 1) shift = multiply(POWERS[k % POWERS.length] ?? X_0, shift);
  }
  return (multiply(shift, first) ^ second) >>> 0;
}

function squares(): number[] {
  const powers = [X_1];
  for (let last = X_1; powers.length < 32; ) {
    last = multiply(last, last);
    powers.push(last);
  }
  return powers;
}

function multiply(left: number, right: number): number {
  let product = 0;
  let shifted = right;
  for (let bit = X_0; bit !== 0; bit >>>= 1) {
    if ((left & bit) !== 0) product ^= shifted;
    shifted = (shifted & 1) === 1 ? (shifted >>> 1) ^ POLYNOMIAL : shifted >>> 1;
  }
  return product >>> 0;
}
