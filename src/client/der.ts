/** DER (X.690), as much as a PKCS #12 file takes. Each function gives an encoded value. */

const TAGS = { integer: 0x02, octets: 0x04, nul: 0x05, oid: 0x06, wideText: 0x1e };
const SEQUENCE = 0x30;
const SET = 0x31;
const CONTEXT = 0x80;
const CONSTRUCTED = 0x20;

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return value(SEQUENCE, Buffer.concat(parts));
}

/** In the order that DER asks for. */
export function set(...parts: readonly Uint8Array[]): Uint8Array {
  return value(SET, Buffer.concat(parts.toSorted((one, other) => Buffer.compare(one, other))));
}

/** `[number] EXPLICIT`, or, with the content of a primitive value, `[number] IMPLICIT`. */
export function tagged(
  number: number,
  content: Uint8Array,
  form: 'constructed' | 'primitive' = 'constructed',
): Uint8Array {
  return value(CONTEXT | (form === 'constructed' ? CONSTRUCTED : 0) | number, content);
}

export function octets(bytes: Uint8Array): Uint8Array {
  return value(TAGS.octets, bytes);
}

export function nul(): Uint8Array {
  return value(TAGS.nul, new Uint8Array());
}

/** From 0 to 2^31 - 1. */
export function integer(number: number): Uint8Array {
  const bytes = Buffer.alloc(5);
  bytes.writeUInt32BE(number, 1);
  let start = 0;
  while (start < 4 && bytes[start] === 0 && (bytes[start + 1] ?? 0) < 0x80) start += 1;
  return value(TAGS.integer, bytes.subarray(start));
}

/** A BMPString. */
export function wideText(text: string): Uint8Array {
  return value(TAGS.wideText, Buffer.from(text, 'utf16le').swap16());
}

export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return value(TAGS.oid, Buffer.from([first * 40 + second, ...rest].flatMap(inSevenBits)));
}

/** The highest bit says that there is more. */
function inSevenBits(number: number): number[] {
  const bytes = [number & 0x7f];
  for (let left = number >>> 7; left > 0; left >>>= 7) bytes.unshift((left & 0x7f) | 0x80);
  return bytes;
}

function value(tag: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([tag, ...lengthOf(content.length)]), content]);
}

function lengthOf(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let left = length; left > 0; left >>>= 8) bytes.unshift(left & 0xff);
  return [0x80 | bytes.length, ...bytes];
}
