import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { changesOf, memoryNodes, OPERATION } from '../../test/support/state-map.ts';
import { hexEncode } from '../base/bytes.ts';
import { GdpfsError } from '../base/errors.ts';
import { PartialState } from './partial-state.ts';
import { StateMap } from './state-map.ts';
import { proveRanges } from './state-proof.ts';

function isUntrusted(error: unknown): boolean {
  return error instanceof GdpfsError && error.code === 'untrusted';
}

function hexOf(hash: Uint8Array | undefined): string {
  return hash === undefined ? '' : hexEncode(hash);
}

const BATCH = fc.array(OPERATION, { maxLength: 60 });

test('the nodes that prove some keys tell what is there, and the root after any change of these keys', () => {
  const property = fc.property(BATCH, fc.array(OPERATION, { maxLength: 10 }), (batch, later) => {
    const nodes = memoryNodes();
    const map = new StateMap(nodes);
    map.update(changesOf(batch));
    const root = map.root();
    const there = new Map(changesOf(batch).map(({ key, hash }) => [hexEncode(key), hash]));
    const changes = changesOf(later);
    const ranges = changes.map(({ key }) => ({
      first: key,
      end: Uint8Array.of(...key, 0),
    }));
    const partial = new PartialState(root, proveRanges(nodes, ranges));
    for (const { key } of changes)
      assert.equal(hexOf(partial.leaf(key)), hexOf(there.get(hexEncode(key))));
    const changed = new StateMap(partial);
    if (changes.length > 0) {
      changed.update(changes);
      map.update(changes);
      assert.equal(hexEncode(changed.root()), hexEncode(map.root()));
    }
  });
  fc.assert(property, { numRuns: 300 });
});

test('without any one of these nodes, or with a changed one, something is untrusted', () => {
  const property = fc.property(fc.array(OPERATION, { minLength: 5, maxLength: 60 }), (batch) => {
    const nodes = memoryNodes();
    const map = new StateMap(nodes);
    const changes = changesOf(batch);
    map.update(changes);
    const ranges = changes.map(({ key }) => ({ first: key, end: Uint8Array.of(...key, 0) }));
    const proof = proveRanges(nodes, ranges);
    if (proof.every(({ length }) => length === 0)) return;
    for (const index of proof.keys()) {
      const without = new PartialState(map.root(), proof.toSpliced(index, 1));
      assert.throws(() => changes.forEach(({ key }) => without.leaf(key)), isUntrusted);
      const flipped = proof.map((node) => node.slice());
      const node = flipped[index];
      assert(node !== undefined);
      node[node.length - 1] = (node.at(-1) ?? 0) ^ 1;
      const other = new PartialState(map.root(), flipped);
      assert.throws(() => changes.forEach(({ key }) => other.leaf(key)), isUntrusted);
    }
  });
  fc.assert(property, { numRuns: 100 });
});
