import assert from 'node:assert/strict';
import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { bitFlips, truncations } from '../../test/hostile-bytes.ts';
import { concatBytes, utf8Decode, utf8Encode } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { rawPublicKey } from './ed25519.ts';
import { parseNote, signNote, verifyNote } from './signed-note.ts';

/** The example of Go's golang.org/x/mod/sumdb/note, the format's first implementation. */
const GO = {
  keyName: 'PeterNeumann',
  // PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz
  privateKey: privateKeyFromSeed(
    base64('AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz').subarray(1),
  ),
  // PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW
  publicKey: base64('ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW').subarray(1),
  text: "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n",
  signatureLine:
    '— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n',
};

/** The example of c2sp.org/signed-note. */
const C2SP = {
  keyName: 'example.com/foo',
  // example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
  publicKey: base64('AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k').subarray(1),
  note: utf8Encode(
    'This is an example message.\n\n— example.com/foo Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM=\n',
  ),
};

describe('published examples', () => {
  it("signNote() writes Go's note byte for byte", () => {
    const note = signNote({ ...GO, text: utf8Encode(GO.text) });
    assert.equal(utf8Decode(note), `${GO.text}\n${GO.signatureLine}`);
  });

  it("verifyNote() accepts Go's note and the specification's", () => {
    const goNote = utf8Encode(`${GO.text}\n${GO.signatureLine}`);
    assert.equal(utf8Decode(verifyNote(goNote, GO).text), GO.text);
    assert.equal(utf8Decode(verifyNote(C2SP.note, C2SP).text), 'This is an example message.\n');
  });
});

const pair = generateKeyPairSync('ed25519');
const publicKey = rawPublicKey(pair.publicKey);
const keyName = 'example.org/log';
const lines = fc
  .array(fc.string({ unit: 'grapheme', maxLength: 20 }), { minLength: 1, maxLength: 5 })
  .map((all) => `${all.join('\n')}\n`)
  .filter((text) => !hasControlCharacter(text));

describe('signNote()', () => {
  it('writes notes that parse to the same text, empty lines included, and verify', () => {
    fc.assert(
      fc.property(lines, (text) => {
        const note = signNote({ text: utf8Encode(text), keyName, privateKey: pair.privateKey });
        assert.equal(utf8Decode(verifyNote(note, { publicKey, keyName }).text), text);
        assert.equal(parseNote(note).signatures.length, 1);
      }),
    );
  });
});

describe('verifyNote()', () => {
  const text = utf8Encode('first line\n\nlast line\n');
  const note = signNote({ text, keyName, privateKey: pair.privateKey });

  it('rejects every truncation and every flipped bit', () => {
    for (const damaged of [...truncations(note), ...bitFlips(note)]) {
      assert.throws(
        () => verifyNote(damaged, { publicKey, keyName }),
        (error) => isGdpfsError(error, 'corrupt', 'untrusted'),
      );
    }
  });

  it('rejects another key and another key name', () => {
    const other = rawPublicKey(generateKeyPairSync('ed25519').publicKey);
    assertUntrusted(() => verifyNote(note, { publicKey: other, keyName }));
    assertUntrusted(() => verifyNote(note, { publicKey, keyName: 'example.org' }));
  });

  it('ignores signatures of unknown keys beside a good one', () => {
    const witness = signNote({
      text,
      keyName: 'example.org/witness',
      privateKey: generateKeyPairSync('ed25519').privateKey,
    });
    const witnessLine = witness.subarray(text.length + 1);
    const both = concatBytes([note, witnessLine]);
    assert.deepEqual(verifyNote(both, { publicKey, keyName }).text, text);
    assert.equal(parseNote(both).signatures.length, 2);
    assertUntrusted(() => verifyNote(witness, { publicKey, keyName }));
  });

  it('rejects a bad signature of the key beside a good one', () => {
    const foreign = signNote({ text: utf8Encode('x\n'), keyName, privateKey: pair.privateKey });
    const foreignLine = foreign.subarray('x\n\n'.length);
    assertUntrusted(() => verifyNote(concatBytes([note, foreignLine]), { publicKey, keyName }));
  });
});

describe('parseNote()', () => {
  const good = GO.signatureLine;
  const malformed: Readonly<Record<string, string>> = {
    'nothing at all': '',
    'a text without signatures': 'text\n',
    'a text without signature lines': 'text\n\n',
    'no text': `\n${good}`,
    'no empty line': `text\n${good}`,
    'no newline at the end': `text\n\n${good.trimEnd()}`,
    'an empty line between signatures': `text\n\n${good}\n${good}\n`,
    'a hyphen for the dash': `text\n\n${good.replace('—', '-')}`,
    'no key name': `text\n\n${good.replace('PeterNeumann', '')}`,
    'a plus in the key name': `text\n\n${good.replace('PeterNeumann', 'Peter+Neumann')}`,
    'a space in the key name': `text\n\n${good.replace('PeterNeumann', 'Peter Neumann')}`,
    'a Unicode space in the key name': `text\n\n${good.replace('PeterNeumann', 'Peter\u2003N')}`,
    'base64 that is not canonical': `text\n\n${good.replace('nAM=', 'nAN=')}`,
    'base64 without padding': `text\n\n${good.replace('=', '')}`,
    'a key id without signature': 'text\n\n— PeterNeumann x08gow==\n',
    'a control character': `te\txt\n\n${good}`,
    'a carriage return': `text\r\n\n${good}`,
  };
  for (const [what, note] of Object.entries(malformed)) {
    it(`rejects ${what}`, () => assertCorrupt(() => parseNote(utf8Encode(note))));
  }

  it('rejects bytes that are not UTF-8', () => {
    assertCorrupt(() => parseNote(concatBytes([Uint8Array.of(0xff), C2SP.note])));
  });

  it('rejects a note over the size limit', () => {
    const long = utf8Encode(`${'x'.repeat(5000)}\n\n${good}`);
    assertCorrupt(() => parseNote(long));
  });

  it('never throws anything but corrupt', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) =>
        assertCorrupt(() => parseNote(bytes)),
      ),
    );
  });
});

function hasControlCharacter(text: string): boolean {
  return utf8Encode(text).some((byte) => byte < 0x20 && byte !== 0x0a);
}

function base64(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(text, 'base64'));
}

function privateKeyFromSeed(seed: Uint8Array): KeyObject {
  const prefix = Buffer.from('302e020100300506032b657004220420', 'hex');
  return createPrivateKey({ key: Buffer.concat([prefix, seed]), format: 'der', type: 'pkcs8' });
}

function assertUntrusted(action: () => unknown): void {
  assert.throws(action, (error) => isGdpfsError(error, 'untrusted'));
}

function assertCorrupt(action: () => unknown): void {
  assert.throws(action, (error) => isGdpfsError(error, 'corrupt'));
}
