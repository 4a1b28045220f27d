import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { isGdpfsError } from '../base/errors.ts';
import { decodeToken, encodeToken, SECRET_BYTES } from './token.ts';

const caFingerprint = fc.uint8Array({ minLength: 32, maxLength: 32 });
const secret = fc.uint8Array({ minLength: SECRET_BYTES, maxLength: SECRET_BYTES });

function refused(text: string): boolean {
  try {
    decodeToken(text);
    return false;
  } catch (error) {
    const repeated = text.length > 'gdpfs1.'.length && String(error).includes(text);
    return isGdpfsError(error, 'bad_token') && !repeated;
  }
}

test('decodeToken() returns what encodeToken() was given', () => {
  fc.assert(
    fc.property(caFingerprint, secret, (fingerprint, bytes) => {
      const text = encodeToken({ caFingerprint: fingerprint, secret: bytes });
      assert.match(text, /^gdpfs1\.[A-Za-z0-9_-]{64}$/);
      const token = decodeToken(text);
      assert.deepEqual(token.caFingerprint, new Uint8Array(fingerprint));
      assert.deepEqual(token.secret, new Uint8Array(bytes));
    }),
  );
});

test('encodeToken() writes a text that stays the same for good', () => {
  const token = {
    caFingerprint: new Uint8Array(32).fill(0xab),
    secret: new Uint8Array(16).fill(7),
  };
  const text = 'gdpfs1.q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6sHBwcHBwcHBwcHBwcHBwcH';
  assert.equal(encodeToken(token), text);
});

test('decodeToken() refuses truncated, longer and foreign texts, and does not repeat them', () => {
  const text = encodeToken({ caFingerprint: new Uint8Array(32), secret: new Uint8Array(16) });
  for (let length = 0; length < text.length; length++) assert(refused(text.slice(0, length)));
  for (const bad of [
    `${text}A`,
    ` ${text}`,
    `${text}\n`,
    text.replace('gdpfs1', 'gdpfs2'),
    `${text.slice(0, -1)}=`,
  ]) {
    assert(refused(bad), bad);
  }
  fc.assert(fc.property(fc.string(), refused));
});
