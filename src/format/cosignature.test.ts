import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, verify } from 'node:crypto';
import { test } from 'node:test';
import { type ErrorCode, isGdpfsError } from '../base/errors.ts';
import { cosignNote, formatWitnessKey, parseWitnessKey, verifyCosignature } from './cosignature.ts';
import { rawPublicKey } from './ed25519.ts';
import { signNote, verifyNote } from './signed-note.ts';

const TEXT = Buffer.from('example.org/log\n7\nroot\n');
const TIME_S = 1_679_315_147;

function makeKey(name: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  return { name, privateKey, publicKey: rawPublicKey(publicKey), verifier: publicKey };
}

const writer = makeKey('example.org/log');
const witness = makeKey('witness.example.org/1');
const note = signNote({ text: TEXT, keyName: writer.name, privateKey: writer.privateKey });
const cosigned = cosignNote(note, { ...witness, timeS: TIME_S });

function throwsWith(code: ErrorCode, action: () => unknown): void {
  assert.throws(action, (error) => isGdpfsError(error, code));
}

test('a cosignature is that of C2SP tlog-cosignature: signed bytes, key id, time', () => {
  const line = Buffer.from(cosigned).toString().split('\n').at(-2) ?? '';
  assert(line.startsWith('— witness.example.org/1 '));
  const blob = Buffer.from(line.split(' ')[2] ?? '', 'base64');
  const id = createHash('sha256')
    .update(`${witness.name}\n\x04`)
    .update(witness.publicKey)
    .digest();
  assert.deepEqual(blob.subarray(0, 4), id.subarray(0, 4));
  assert.equal(blob.readBigUInt64BE(4), BigInt(TIME_S));
  const message = `cosignature/v1\ntime ${TIME_S}\nexample.org/log\n7\nroot\n`;
  assert(verify(null, Buffer.from(message), witness.verifier, blob.subarray(12)));
});

test('a cosigned note keeps the signature of its writer, and takes more cosignatures', () => {
  assert.equal(verifyCosignature(cosigned, witness), TIME_S);
  const second = makeKey('other.example.org');
  const twice = cosignNote(cosigned, { ...second, timeS: TIME_S + 1 });
  assert.equal(verifyCosignature(twice, witness), TIME_S);
  assert.equal(verifyCosignature(twice, second), TIME_S + 1);
  verifyNote(twice, { keyName: writer.name, publicKey: writer.publicKey });
});

test('a note without the cosignature, of another witness or altered is refused', () => {
  throwsWith('untrusted', () => verifyCosignature(note, witness));
  throwsWith('untrusted', () => verifyCosignature(cosigned, makeKey(witness.name)));
  throwsWith('untrusted', () => verifyCosignature(cosigned, makeKey('another')));
  const altered = Buffer.from(cosigned);
  altered.write('8', 'example.org/log\n'.length);
  throwsWith('untrusted', () => verifyCosignature(altered, witness));
});

test('keys of witnesses survive their text form, and nothing else is taken for one', () => {
  const text = formatWitnessKey(witness);
  assert.deepEqual(parseWitnessKey(text), { name: witness.name, publicKey: witness.publicKey });
  const other = text.replace(witness.name, 'w');
  for (const bad of ['', 'w', other, `${text}A`, text.slice(0, -4), text.replaceAll('+', ' ')]) {
    throwsWith('bad_request', () => parseWitnessKey(bad));
  }
});
