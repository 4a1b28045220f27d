import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { bitFlips, truncations } from '../../test/hostile-bytes.ts';
import { base64urlEncode, utf8Decode, utf8Encode } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import {
  type Checkpoint,
  encodeCheckpoint,
  parseCheckpoint,
  verifyCheckpoint,
} from './checkpoint.ts';
import { rawPublicKey } from './ed25519.ts';
import { signNote } from './signed-note.ts';

const pair = generateKeyPairSync('ed25519');
const publicKey = rawPublicKey(pair.publicKey);

const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
const origin = digest.map((name) => `gdpfs.v1/${base64urlEncode(name)}`);
const number = fc.maxSafeNat();
const checkpoints: fc.Arbitrary<Checkpoint> = fc.record(
  { origin, count: number, root: digest, timeMs: number, epoch: number, state: digest },
  { requiredKeys: ['origin', 'count', 'root', 'timeMs', 'epoch'], noNullPrototype: true },
);

const example: Checkpoint = {
  origin: `gdpfs.v1/${base64urlEncode(new Uint8Array(32).fill(7))}`,
  count: 12,
  root: new Uint8Array(32).fill(1),
  timeMs: 1_790_000_000_123,
  epoch: 3,
};
const exampleText = [
  'gdpfs.v1/BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc',
  '12',
  'AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=',
  'time 1790000000123',
  'epoch 3',
  '',
].join('\n');

describe('encodeCheckpoint()', () => {
  it('writes one line a field', () => {
    assert.equal(utf8Decode(encodeCheckpoint(example)), exampleText);
    const state = new Uint8Array(32).fill(1);
    assert.equal(
      utf8Decode(encodeCheckpoint({ ...example, state })),
      `${exampleText}state AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=\n`,
    );
  });

  it('refuses what parseCheckpoint() would reject', () => {
    for (const change of [
      { origin: 'gdpfs.v1/short' },
      { count: -1 },
      { timeMs: 0.5 },
      { epoch: 2 ** 53 },
      { root: new Uint8Array(31) },
      { state: new Uint8Array(33) },
    ]) {
      assert.throws(() => encodeCheckpoint({ ...example, ...change }), /bug/);
    }
  });
});

describe('verifyCheckpoint()', () => {
  it('restores what was encoded and signed', () => {
    fc.assert(
      fc.property(checkpoints, (checkpoint) => {
        const note = signed(checkpoint);
        const key = { publicKey, keyName: checkpoint.origin };
        assert.deepEqual(verifyCheckpoint(note, key), checkpoint);
        const parsed = parseCheckpoint(note);
        assert.deepEqual(parsed.checkpoint, checkpoint);
        assert.deepEqual(parsed.text, encodeCheckpoint(checkpoint));
        assert.equal(parsed.signatures[0]?.keyName, checkpoint.origin);
      }),
    );
  });

  it('rejects every truncation and every flipped bit', () => {
    const note = signed(example);
    for (const damaged of [...truncations(note), ...bitFlips(note)]) {
      assert.throws(
        () => verifyCheckpoint(damaged, { publicKey, keyName: example.origin }),
        (error) => isGdpfsError(error, 'corrupt', 'untrusted'),
      );
    }
  });

  it('rejects the checkpoint of another log signed under this name', () => {
    const keyName = `gdpfs.v1/${base64urlEncode(new Uint8Array(32))}`;
    const text = encodeCheckpoint(example);
    const note = signNote({ text, keyName, privateKey: pair.privateKey });
    assert.throws(
      () => verifyCheckpoint(note, { publicKey, keyName }),
      (error) => isGdpfsError(error, 'untrusted'),
    );
  });
});

describe('parseCheckpoint()', () => {
  it('accepts unknown extension lines, in any order', () => {
    const text = exampleText.replace('time', 'mood sunny\ntime').concat('x\n');
    assert.deepEqual(parseCheckpoint(signedText(text)).checkpoint, example);
  });

  const malformed: Readonly<Record<string, string>> = {
    'another origin': exampleText.replace('gdpfs.v1', 'gdpfs.v2'),
    'an origin that is not 32 bytes': exampleText.replace('BwcH', ''),
    'an origin with other base64 for the same bytes': exampleText.replace('Bwc\n', 'Bwd\n'),
    'a count with leading zeros': exampleText.replace('\n12', '\n012'),
    'a negative count': exampleText.replace('\n12', '\n-12'),
    'a count over 2^53': exampleText.replace('\n12', '\n9007199254740992'),
    'a count of many digits': exampleText.replace('\n12', `\n${'9'.repeat(400)}`),
    'a short root': exampleText.replace('AQEB', ''),
    'an empty line': exampleText.replace('time', '\ntime'),
    'no time': exampleText.replace('time', 'Time'),
    'no epoch': exampleText.replace('epoch 3\n', ''),
    'a time without value': exampleText.replace(/time \d+/, 'time'),
    'two times': exampleText.replace('epoch', 'time 1\nepoch'),
    'two epochs': `${exampleText}epoch 3\n`,
    'a state that is no digest': `${exampleText}state AQEB\n`,
    'only an origin': exampleText.slice(0, exampleText.indexOf('\n') + 1),
  };
  for (const [what, text] of Object.entries(malformed)) {
    it(`rejects ${what}`, () => {
      assert.notEqual(text, exampleText);
      assert.throws(
        () => parseCheckpoint(signedText(text)),
        (error) => isGdpfsError(error, 'corrupt'),
      );
    });
  }
});

function signed(checkpoint: Checkpoint): Uint8Array {
  return signNote({
    text: encodeCheckpoint(checkpoint),
    keyName: checkpoint.origin,
    privateKey: pair.privateKey,
  });
}

function signedText(text: string): Uint8Array {
  return signNote({ text: utf8Encode(text), keyName: example.origin, privateKey: pair.privateKey });
}
