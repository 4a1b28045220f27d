import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
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

test('what evidence has of the past and of a view survives encoding', () => {
  const note = fc.uint8Array({ minLength: 1, maxLength: 50 });
  const past = fc.record({ checkpoint: note, policy: bytes, consistency: hashes });
  const more = fc.record({
    past: fc.option(past, { nil: undefined }),
    view: fc.option(note, { nil: undefined }),
  });
  const property = fc.property(
    EVIDENCE,
    more,
    fc.integer({ min: 1, max: 8 }),
    (base, more, cut) => {
      const evidence = { ...base, ...more };
      if (more.past === undefined && more.view === undefined) return;
      const body = encodeStateEvidence(evidence);
      const decoded = decodeStateEvidence(body);
      assert.deepEqual(encodeStateEvidence(decoded), body);
      assert.deepEqual(decoded.view, more.view);
      assert.deepEqual(decoded.past?.checkpoint, more.past?.checkpoint);
      for (const wrong of [body.subarray(0, -cut), concatBytes([body, new Uint8Array(cut)])]) {
        assert.throws(() => decodeStateEvidence(wrong), GdpfsError);
      }
    },
  );
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
