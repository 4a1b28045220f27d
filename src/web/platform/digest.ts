/** `src/base/digest.ts`, as far as the web page uses it, for browsers. Chunks are hashed by WebCrypto instead. */
import { sha256 as sha256OfNoble } from '@noble/hashes/sha2.js';
import { hexDecode, hexEncode } from '../../base/bytes.ts';

export const DIGEST_BYTES = 32;

export function sha256(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return sha256OfNoble(bytes) as Uint8Array<ArrayBuffer>;
}

export function formatDigest(digest: Uint8Array): string {
  return `sha256:${hexEncode(digest)}`;
}

export function parseDigest(text: string): Uint8Array<ArrayBuffer> | undefined {
  if (text.length !== 7 + 2 * DIGEST_BYTES || !text.startsWith('sha256:')) return undefined;
  return hexDecode(text.slice(7));
}

const TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let rest = byte;
  for (let bit = 0; bit < 8; bit += 1) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  return rest;
});

/** CRC-32 (ISO-HDLC, as in zlib). */
export function crc32(bytes: Uint8Array): number {
  let sum = 0xffffffff;
  for (let index = 0; index < bytes.length; index += 1) {
    // The casts are for the compiler: both are inside.
    sum = (TABLE[(sum ^ (bytes[index] as number)) & 0xff] as number) ^ (sum >>> 8);
  }
  return (sum ^ 0xffffffff) >>> 0;
}
