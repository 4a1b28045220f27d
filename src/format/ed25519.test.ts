import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, sign, verify } from 'node:crypto';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { hexDecode } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { publicKeyFromRaw, rawPrivateKey, rawPublicKey } from './ed25519.ts';

describe('publicKeyFromRaw()', () => {
  it('verifies the first signature of RFC 8032 section 7.1', () => {
    const key = publicKeyFromRaw(
      hex('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a'),
    );
    const signature = hex(
      'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
    );
    assert(verify(null, new Uint8Array(0), key, signature));
  });

  it('restores any 32 bytes that rawPublicKey() returns', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
        assert.deepEqual(rawPublicKey(publicKeyFromRaw(bytes)), bytes);
      }),
    );
  });

  it('rejects any other length', () => {
    for (const length of [0, 31, 33, 64]) {
      assert.throws(
        () => publicKeyFromRaw(new Uint8Array(length)),
        (error) => isGdpfsError(error, 'corrupt'),
      );
    }
  });
});

describe('rawPrivateKey()', () => {
  it('gives the private key of RFC 8032 section 7.1', () => {
    const seed = hex('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60');
    const pkcs8 = Buffer.concat([hex('302e020100300506032b657004220420'), seed]);
    const key = createPrivateKey({ key: pkcs8, format: 'der', type: 'pkcs8' });
    assert.deepEqual(rawPrivateKey(key), seed);
  });
});

describe('rawPublicKey()', () => {
  it('gives the same bytes for both halves of a pair', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519');
    const raw = rawPublicKey(privateKey);
    assert.deepEqual(rawPublicKey(publicKey), raw);
    const text = Uint8Array.of(1, 2, 3);
    assert(verify(null, text, publicKeyFromRaw(raw), sign(null, text, privateKey)));
  });

  it('refuses keys of another kind', () => {
    const { publicKey } = generateKeyPairSync('x25519');
    assert.throws(() => rawPublicKey(publicKey), /bug/);
  });
});

function hex(text: string): Uint8Array {
  const bytes = hexDecode(text);
  assert(bytes);
  return bytes;
}
