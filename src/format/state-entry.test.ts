import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { GdpfsError } from '../base/errors.ts';
import { NodeKind } from './generated/gdpfs_pb.js';
import {
  decodeStateEntry,
  encodeStateEntry,
  hashStateEntry,
  type StateEntry,
  stateLeafHash,
} from './state-entry.ts';

test('entries survive encoding, and their hash is that of their bytes', () => {
  const digest = fc.uint8Array({ minLength: 32, maxLength: 32 });
  const count = fc.maxSafeNat();
  const common = {
    parent: count,
    name: fc.string({ unit: 'grapheme', minLength: 1, maxLength: 20 }).filter(isName),
    node: count,
    seq: count,
    mode: fc.integer({ min: 0, max: 0o7777 }),
    mtimeUs: fc.maxSafeInteger(),
    author: fc.string({ unit: 'grapheme', maxLength: 90 }),
  };
  const file = fc.record(
    { log: digest, logCount: count, root: digest, content: digest },
    { noNullPrototype: true },
  );
  const nothing = { size: fc.constant(0), file: fc.constant(undefined) };
  const entries: fc.Arbitrary<StateEntry> = fc.oneof(
    fc.record(
      {
        ...common,
        kind: fc.constant(NodeKind.FILE),
        size: count,
        file,
        target: fc.constant(undefined),
      },
      { noNullPrototype: true },
    ),
    fc.record(
      {
        ...common,
        ...nothing,
        kind: fc.constant(NodeKind.DIRECTORY),
        target: fc.constant(undefined),
      },
      { noNullPrototype: true },
    ),
    fc.record(
      {
        ...common,
        ...nothing,
        kind: fc.constant(NodeKind.SYMLINK),
        target: fc.string({ unit: 'grapheme' }),
      },
      { noNullPrototype: true },
    ),
  );
  const property = fc.property(entries, (entry) => {
    const encoded = encodeStateEntry(entry);
    assert.deepEqual(decodeStateEntry(encoded), entry);
    assert.deepEqual(hashStateEntry(encoded), stateLeafHash(entry));
    assert.throws(() => decodeStateEntry(encoded.subarray(0, -1)), GdpfsError);
  });
  fc.assert(property);
});

function isName(text: string): boolean {
  return text.isWellFormed() && !/[/\0]/.test(text) && text !== '.' && text !== '..';
}
