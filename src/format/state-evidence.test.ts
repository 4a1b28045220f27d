import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { concatBytes } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { decodeStateEvidence, encodeStateEvidence, type StateEvidence } from './state-evidence.ts';

const bytes = fc.uint8Array({ maxLength: 50 });
const list = fc.array(bytes, { maxLength: 5 });
const hashes = fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 5 });
const EVIDENCE: fc.Arbitrary<StateEvidence> = fc.record({
  checkpoint: fc.record({ checkpoint: bytes, meta: bytes, policy: bytes, consistency: hashes }),
  nodes: list,
  entries: list,
  last: fc.string({ unit: 'grapheme', maxLength: 20 }),
});

test('evidence survives encoding, and no part or extension of it is taken for another', () => {
  const property = fc.property(EVIDENCE, fc.nat(), (evidence, cut) => {
    const body = encodeStateEvidence(evidence);
    assert.deepEqual(encodeStateEvidence(decodeStateEvidence(body)), body);
    for (const wrong of [body.subarray(0, cut % body.length), concatBytes([body, body])]) {
      assert.throws(
        () => decodeStateEvidence(wrong),
        (error) => error instanceof GdpfsError && error.code === 'corrupt',
      );
    }
  });
  fc.assert(property);
});

test('counts that no body can hold are refused before anything is allocated for them', () => {
  const body = encodeStateEvidence({
    checkpoint: {
      checkpoint: new Uint8Array(0),
      meta: new Uint8Array(0),
      policy: new Uint8Array(0),
      consistency: [],
    },
    nodes: [],
    entries: [],
    last: '',
  });
  for (let offset = 0; offset < body.length; offset += 4) {
    const huge = body.slice();
    huge.fill(0xff, offset, offset + 4);
    assert.throws(() => decodeStateEvidence(huge), GdpfsError);
  }
});
