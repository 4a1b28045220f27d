import { createPublicKey, type KeyObject } from 'node:crypto';
import { concatBytes } from '../base/bytes.ts';
import { assert, GdpfsError } from '../base/errors.ts';

/** Ed25519 public keys as the 32 bytes (RFC 8032) that records and notes hold. */

const PUBLIC_KEY_BYTES = 32;
const PRIVATE_KEY_BYTES = 32;

/** RFC 8410: what precedes the 32 bytes in a SubjectPublicKeyInfo. */
const SPKI_PREFIX = Uint8Array.from([
  0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00,
]);

/** The bytes of a public key, or of the public half of a private key. */
export function rawPublicKey(key: KeyObject): Uint8Array {
  assert(key.asymmetricKeyType === 'ed25519', 'the key is an Ed25519 key');
  const publicKey = key.type === 'private' ? createPublicKey(key) : key;
  const spki = publicKey.export({ format: 'der', type: 'spki' });
  return new Uint8Array(spki.subarray(-PUBLIC_KEY_BYTES));
}

/** The 32 bytes (RFC 8032) that a private key is made from. */
export function rawPrivateKey(key: KeyObject): Uint8Array {
  assert(key.asymmetricKeyType === 'ed25519' && key.type === 'private', 'it is a private key');
  const pkcs8 = key.export({ format: 'der', type: 'pkcs8' });
  return new Uint8Array(pkcs8.subarray(-PRIVATE_KEY_BYTES));
}

/** The inverse of `rawPublicKey`. Throws `corrupt` unless `bytes` are 32. */
export function publicKeyFromRaw(bytes: Uint8Array): KeyObject {
  if (bytes.length !== PUBLIC_KEY_BYTES) {
    throw new GdpfsError(
      'corrupt',
      `cannot use public key: ${bytes.length} bytes, need ${PUBLIC_KEY_BYTES}`,
    );
  }
  const spki = Buffer.from(concatBytes([SPKI_PREFIX, bytes]).buffer);
  return createPublicKey({ key: spki, format: 'der', type: 'spki' });
}
