import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { changesOf, memoryNodes, OPERATION, PLACE } from '../../test/support/state-map.ts';
import { hexEncode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { type StateChange, StateMap } from './state-map.ts';
import { stateKeyPrefix } from './state-entry.ts';
import { directoryRange, keyRange, prefixRange, proveRanges, StateProof } from './state-proof.ts';

test('proofs say of any key and any range of a directory exactly what is there, and not without any of their nodes', () => {
  const property = fc.property(
    fc.array(OPERATION, { maxLength: 60 }),
    PLACE,
    fc.option(PLACE, { nil: undefined }),
    (batch, asked, last) => {
      const nodes = memoryNodes();
      const map = new StateMap(nodes);
      const changes = changesOf(batch);
      map.update(changes);
      const there = changes.filter(({ hash }) => hash !== undefined);
      const range = directoryRange(asked.parent, { after: asked.name, last: last?.name });
      const key = keyRange(asked.parent, asked.name);
      for (const wanted of [key, range, directoryRange(asked.parent, { after: '' })]) {
        const proof = proveRanges(nodes, [wanted]);
        const expected = there
          .filter(({ key: one }) => Buffer.compare(one, wanted.first) >= 0)
          .filter(
            ({ key: one }) => wanted.end === undefined || Buffer.compare(one, wanted.end) < 0,
          );
        const found = new StateProof(map.root(), proof).range(wanted);
        assert.deepEqual(found.map(hexOf), expected.map(hexOf));
        for (const index of proof.keys()) {
          const without = proof.toSpliced(index, 1);
          assert.throws(() => new StateProof(map.root(), without).range(wanted), isUntrusted);
        }
      }
    },
  );
  fc.assert(property, { numRuns: 300 });
});

test('a map of some directories of another is the map that has nothing but their names', () => {
  const property = fc.property(
    fc.array(OPERATION, { maxLength: 60 }),
    fc.uniqueArray(PLACE, { maxLength: 4, selector: ({ parent }) => parent }),
    (batch, places) => {
      const nodes = memoryNodes();
      const map = new StateMap(nodes);
      const changes = changesOf(batch);
      map.update(changes);
      const parents = places.map(({ parent }) => parent).sort((left, right) => left - right);
      const proof = new StateProof(map.root(), proveRanges(nodes, parents.map(prefixRange)));
      const part = new StateMap(memoryNodes());
      part.update(parents.flatMap((parent) => proof.below(parent) ?? []));
      const same = new StateMap(memoryNodes());
      const prefixes = parents.map((parent) => hexEncode(stateKeyPrefix(parent)));
      same.update(changes.filter(({ key }) => prefixes.includes(hexEncode(key.subarray(0, 8)))));
      assert.deepEqual(part.root(), same.root());
    },
  );
  fc.assert(property, { numRuns: 300 });
});

function hexOf({ key, hash }: StateChange): string {
  return `${hexEncode(key)} ${hash === undefined ? '' : hexEncode(hash)}`;
}

function isUntrusted(error: unknown): boolean {
  return error instanceof GdpfsError && error.code === 'untrusted';
}

test('any flipped bit of a proof is found', () => {
  const nodes = memoryNodes();
  const map = new StateMap(nodes);
  const names = ['a', 'ab', 'abc', 'b', 'file-1', 'file-10', 'file-2'];
  map.update(changesOf(names.map((name, value) => ({ place: { parent: 5, name }, value }))));
  const range = directoryRange(5, { after: '' });
  const proof = proveRanges(nodes, [range]);
  assert.equal(new StateProof(map.root(), proof).range(range).length, names.length);
  for (const [index, node] of proof.entries()) {
    for (let bit = 0; bit < node.length * 8; bit++) {
      const flipped = node.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      const altered = proof.with(index, flipped);
      assert.throws(() => new StateProof(map.root(), altered).range(range), isUntrusted);
    }
  }
});
