/** Of Node's Buffer what the formats use, for browsers. */

class BytesOfBrowsers extends Uint8Array<ArrayBuffer> {
  writeUInt32LE(value: number, offset: number): number {
    new DataView(this.buffer, this.byteOffset).setUint32(offset, value, true);
    return offset + 4;
  }

  override toString(encoding?: string): string {
    if (encoding !== 'hex') throw new TypeError(`no such encoding here: ${encoding}`);
    return Array.from(this, (byte) => byte.toString(16).padStart(2, '0')).join('');
  }
}

function from(
  source: ArrayBuffer | string,
  start: number | 'hex' = 0,
  length = 0,
): BytesOfBrowsers {
  if (typeof source !== 'string') return new BytesOfBrowsers(source, Number(start), length);
  const bytes = new BytesOfBrowsers(new ArrayBuffer(source.length / 2));
  for (let index = 0; index < bytes.length; index += 1) {
    bytes[index] = Number.parseInt(source.slice(2 * index, 2 * index + 2), 16);
  }
  return bytes;
}

/** Below 0, 0 or above, as memcmp. */
function compare(left: Uint8Array, right: Uint8Array): number {
  const length = Math.min(left.length, right.length);
  for (let index = 0; index < length; index += 1) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return left.length - right.length;
}

export const Buffer = { from, compare };
