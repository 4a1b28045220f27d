/** Of `node:crypto` what the formats that the web page uses need. */
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';

type HkdfArguments = readonly [
  digest: 'sha256',
  key: Uint8Array,
  salt: Uint8Array,
  info: Uint8Array,
  length: number,
];

export function hkdfSync(...[, key, salt, info, length]: HkdfArguments): ArrayBuffer {
  return hkdf(sha256, key, salt, info, length).slice().buffer as ArrayBuffer;
}
