/** State maps in memory, and random changes to them. */
import { createHash } from 'node:crypto';
import { fc } from './property.ts';
import { asBuffer } from '../../src/base/bytes.ts';
import { stateKey } from '../../src/format/state-entry.ts';
import type { StateChange, StateNodes } from '../../src/format/state-map.ts';

export function memoryNodes(): StateNodes & { readonly size: number } {
  const nodes = new Map<string, Uint8Array>();
  const nameOf = (path: Uint8Array): string => asBuffer(path).toString('latin1');
  return {
    get: (path) => nodes.get(nameOf(path)),
    set: (path, node) => void nodes.set(nameOf(path), node),
    delete: (path) => void nodes.delete(nameOf(path)),
    get size() {
      return nodes.size;
    },
  };
}

/** Names that share beginnings, and parents that share bytes. */
export const PLACE = fc.record({
  parent: fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constantFrom(255, 256, 65_537, 2 ** 53 - 1)),
  name: fc.oneof(
    fc.string({ unit: fc.constantFrom('a', 'b', 'é', '\u{1f600}'), minLength: 1, maxLength: 6 }),
    fc.integer({ min: 0, max: 200 }).map((number) => `file-${number}`),
  ),
});
export const OPERATION = fc.record({
  place: PLACE,
  value: fc.option(fc.nat(), { nil: undefined }),
});
export const BATCHES = fc.array(fc.array(OPERATION, { maxLength: 30 }), { maxLength: 8 });

function leafOf(value: number): Uint8Array {
  return createHash('sha256').update(String(value)).digest();
}

/** What a batch comes to: the last word on each key, in the order of the keys. */
export function changesOf(
  batch: readonly (typeof OPERATION extends fc.Arbitrary<infer T> ? T : never)[],
) {
  const last = new Map<string, StateChange>();
  for (const { place, value } of batch) {
    const key = stateKey(place.parent, place.name);
    const hash = value === undefined ? undefined : leafOf(value);
    last.set(asBuffer(key).toString('latin1'), { key, hash });
  }
  return [...last].sort(([left], [right]) => (left < right ? -1 : 1)).map(([, change]) => change);
}
