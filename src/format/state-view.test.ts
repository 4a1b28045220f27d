import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { type ErrorCode, isGdpfsError } from '../base/errors.ts';
import { type Checkpoint, encodeCheckpoint } from './checkpoint.ts';
import { rawPublicKey } from './ed25519.ts';
import { checkpointOrigin } from './policy.ts';
import { signNote } from './signed-note.ts';
import { signStateView, verifyStateView } from './state-view.ts';

const { privateKey, publicKey } = generateKeyPairSync('ed25519');
const writer = rawPublicKey(publicKey);
const hash = (text: string): Uint8Array => createHash('sha256').update(text).digest();
const origin = checkpointOrigin(hash('volume'));
const root = hash('root');
const checkpoint: Checkpoint = { origin, count: 12, root, timeMs: 1, epoch: 1, state: hash('all') };
const view = { count: 12, root, state: hash('part'), directory: 7, isWhole: true };
const note = signStateView(view, { origin, privateKey });

function isRefused(code: ErrorCode, action: () => unknown): void {
  assert.throws(action, (error) => isGdpfsError(error, code));
}

test('a view says what was signed, as text that docs/formats.md shows', () => {
  const property = fc.property(fc.maxSafeNat(), fc.boolean(), (directory, isWhole) => {
    const own = { ...view, directory, isWhole };
    const signed = signStateView(own, { origin, privateKey });
    const { state, ...rest } = verifyStateView(signed, writer, checkpoint);
    assert.deepEqual({ ...rest, state: Buffer.from(state) }, own);
  });
  fc.assert(property, { numRuns: 50 });
  const lines = [
    `${origin}/view`,
    '12',
    Buffer.from(root).toString('base64'),
    `state ${Buffer.from(view.state).toString('base64')}`,
    'whole 7',
  ];
  assert.equal(Buffer.from(note).toString().split('\n\n')[0], lines.join('\n'));
});

test('a view of another checkpoint or by another key is refused, and a checkpoint is none', () => {
  const other = rawPublicKey(generateKeyPairSync('ed25519').publicKey);
  isRefused('untrusted', () => verifyStateView(note, other, checkpoint));
  const states = [{ count: 13 }, { root: hash('other') }, { origin: checkpointOrigin(hash('b')) }];
  for (const changed of states) {
    isRefused('untrusted', () => verifyStateView(note, writer, { ...checkpoint, ...changed }));
  }
  const text = encodeCheckpoint(checkpoint);
  const signed = signNote({ text, keyName: origin, privateKey });
  isRefused('untrusted', () => verifyStateView(signed, writer, checkpoint));
});

test('any flipped bit of a view is found, and so is a line too many or too few', () => {
  for (let bit = 0; bit < note.length * 8; bit++) {
    const flipped = note.slice();
    flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
    assert.throws(
      () => verifyStateView(flipped, writer, checkpoint),
      (error) => isGdpfsError(error, 'untrusted', 'corrupt'),
    );
  }
  const [text = ''] = Buffer.from(note).toString().split('\n\n');
  const texts = [`${text}\nmore\n`, text.split('\n').slice(0, 4).join('\n').concat('\n')];
  for (const wrong of [...texts, `${text.replace('whole 7', 'whole 07')}\n`]) {
    const signed = signNote({ text: Buffer.from(wrong), keyName: origin, privateKey });
    isRefused('corrupt', () => verifyStateView(signed, writer, checkpoint));
  }
});
