/** Of Node's Buffer what the formats use, for browsers. */

type Encoding = 'hex' | 'base64url';

class BytesOfBrowsers extends Uint8Array<ArrayBuffer> {
  writeUInt32LE(value: number, offset: number): number {
    new DataView(this.buffer, this.byteOffset).setUint32(offset, value, true);
    return offset + 4;
  }

  override toString(encoding?: Encoding): string {
    if (encoding === 'hex') {
      return Array.from(this, (byte) => byte.toString(16).padStart(2, '0')).join('');
    }
    if (encoding !== 'base64url') throw new TypeError(`no such encoding here: ${encoding}`);
    const text = btoa(Array.from(this, (byte) => String.fromCharCode(byte)).join(''));
    return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
  }
}

function from(
  source: ArrayBuffer | string,
  start: number | Encoding = 0,
  length = 0,
): BytesOfBrowsers {
  if (typeof source !== 'string') return new BytesOfBrowsers(source, Number(start), length);
  const codes = start === 'hex' ? codesOfHex(source) : codesOfBase64url(source);
  const bytes = new BytesOfBrowsers(new ArrayBuffer(codes.length));
  bytes.set(codes);
  return bytes;
}

function codesOfHex(text: string): number[] {
  return Array.from({ length: text.length / 2 }, (_, index) =>
    Number.parseInt(text.slice(2 * index, 2 * index + 2), 16),
  );
}

function codesOfBase64url(text: string): number[] {
  const signs = atob(text.replaceAll('-', '+').replaceAll('_', '/'));
  return Array.from(signs, (sign) => sign.charCodeAt(0));
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
