import assert from 'node:assert/strict';
import { test } from 'node:test';
import { concatBytes, EMPTY_BYTES } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import {
  decodeStateNode,
  EMPTY_STATE_ROOT,
  hashStateNode,
  sealStateNode,
  type StateChild,
} from './state-node.ts';

function child(label: string, isLeaf = true): StateChild {
  return { label: Uint8Array.from(Buffer.from(label)), isLeaf, hash: new Uint8Array(32).fill(7) };
}

test('a node survives encoding, and its hash is that of its bytes', () => {
  const children = [child('a'), child('be', false), child('c\0')];
  const { bytes, hash } = sealStateNode(children);
  assert.deepEqual(decodeStateNode(bytes), children);
  assert.deepEqual(hashStateNode(bytes), hash);
  assert.deepEqual(decodeStateNode(EMPTY_BYTES), []);
  assert.deepEqual(hashStateNode(EMPTY_BYTES), EMPTY_STATE_ROOT);
});

test('nodes that no map has are refused: out of order, twice the same, cut, with other kinds and labels', () => {
  const encode = (...children: StateChild[]): Uint8Array => sealStateNode(children).bytes;
  const good = encode(child('a'), child('b'));
  const bad = [
    encode(child('b'), child('a')),
    encode(child('a'), child('a')),
    encode(child('ax'), child('ay')),
    encode(child('')),
    encode(child('x'.repeat(300))),
    good.subarray(0, -1),
    concatBytes([good, Uint8Array.of(0)]),
    Uint8Array.from(good, (byte, index) => (index === 3 ? 2 : byte)),
  ];
  for (const bytes of bad) {
    assert.throws(
      () => decodeStateNode(bytes),
      (error) => error instanceof GdpfsError && error.code === 'corrupt',
    );
  }
});
