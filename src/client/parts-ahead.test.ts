import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import type { PackedAhead } from './local-requests.ts';
import { PartsAhead } from './parts-ahead.ts';
import type { TreeEntry } from './sync/action.ts';

function fileOf(relative: string, size = 1): TreeEntry {
  return { relative, kind: 'file', size, mode: 0o644, mtimeUs: 0 };
}

function packedOf(count: number): PackedAhead {
  return {
    kind: 'pack',
    count,
    rows: undefined,
    digests: new Uint8Array(0),
    isSame: new Uint8Array(0),
    places: new Uint32Array(0),
    faults: [],
    pack: new Uint8Array(0),
  };
}

test('PartsAhead hands out a part once, to who asks for just its entries', () => {
  const ahead = new PartsAhead();
  const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((name) => fileOf(name));
  assert(a !== undefined && b !== undefined && c !== undefined && d !== undefined);
  const large = fileOf('large', LIMITS.smallFileBytesMax + 1);
  const [first, second] = [packedOf(3), packedOf(1)];
  // A part may have begun in a page before; a large file is in none.
  assert(ahead.add([a, large, b], undefined));
  assert(ahead.add([c], first));
  assert(ahead.add([d], second));
  assert.equal(ahead.take([]), undefined);
  assert.equal(ahead.take([a, b]), undefined);
  assert.equal(ahead.take([a, b, fileOf('c')]), undefined);
  assert.equal(ahead.take([a, b, c]), first);
  assert.equal(ahead.take([a, b, c]), undefined);
  assert.equal(ahead.take([d]), second);
});

test('PartsAhead keeps a few parts, and none when nobody wants those', () => {
  const ahead = new PartsAhead();
  const entries = Array.from({ length: LIMITS.partsInFlight + 1 }, (_, index) =>
    fileOf(`${index}`),
  );
  const kept = entries.map((entry) => ahead.add([entry], packedOf(1)));
  assert.deepEqual(kept, [...Array.from({ length: LIMITS.partsInFlight }, () => true), false]);
  for (const entry of entries) assert.equal(ahead.take([entry]), undefined);
});
