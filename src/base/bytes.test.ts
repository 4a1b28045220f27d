import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { bytesEqual, concatBytes, copyBytes, newBytes, runsOf, splitParts } from './bytes.ts';

test('copyBytes() copies all of the source to its place, between any kinds of memory, and nothing more', () => {
  const memory = fc.constantFrom(
    (length: number) => new Uint8Array(length),
    (length: number) => new Uint8Array(new SharedArrayBuffer(length)),
  );
  fc.assert(
    fc.property(fc.uint8Array(), fc.nat(9), fc.nat(9), memory, memory, (...given) => {
      const [bytes, before, behind, from, to] = given;
      const source = from(bytes.length + 1).subarray(1);
      source.set(bytes);
      const target = to(before + bytes.length + behind).fill(7);
      const expected = Uint8Array.from(target);
      expected.set(bytes, before);
      copyBytes(source, target, before);
      assert.deepEqual(Uint8Array.from(target), expected);
      const isTooLong = bytes.length > behind;
      if (isTooLong)
        assert.throws(() => copyBytes(source, target, before + behind + 1), RangeError);
    }),
  );
});

test('runsOf() keeps all bytes in order, in runs that are as long as they may be', () => {
  const max = fc.record({
    bytes: fc.integer({ min: 1, max: 50 }),
    parts: fc.integer({ min: 1, max: 5 }),
  });
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 120 })), max, (parts, limits) => {
      const runs = [...runsOf(parts, limits)];
      assert.deepEqual(concatBytes(runs.flat()), concatBytes(parts));
      for (const [index, run] of runs.entries()) {
        const bytes = run.reduce((sum, { length }) => sum + length, 0);
        assert(bytes > 0 && bytes <= limits.bytes && run.length <= limits.parts);
        const isFull = bytes === limits.bytes || run.length === limits.parts;
        assert(isFull || index === runs.length - 1);
      }
    }),
  );
});

test('runsOf() copies nothing', () => {
  const bytes = new Uint8Array(10);
  for (const [piece] of runsOf([bytes], { bytes: 4, parts: 1 })) {
    assert.equal(piece?.buffer, bytes.buffer);
  }
});

test('splitParts() divides the bytes at any place, and copies nothing', () => {
  const parts = fc.array(fc.uint8Array({ maxLength: 20 }));
  fc.assert(
    fc.property(parts, fc.nat(100), (all, at) => {
      const [before, after] = splitParts(all, at);
      const joined = concatBytes(all);
      assert.deepEqual(concatBytes(before), joined.subarray(0, at));
      assert.deepEqual(concatBytes(after), joined.subarray(at));
      const buffers = new Set<ArrayBufferLike>(all.map(({ buffer }) => buffer));
      for (const { buffer } of [...before, ...after]) assert(buffers.has(buffer));
    }),
  );
});

test('newBytes() gives zeros that nobody else has, small and large ones', () => {
  const pieces: Uint8Array[] = [];
  for (let length = 0; length < 3000; length += 7) {
    const piece = newBytes(length);
    assert.equal(piece.length, length);
    assert(piece.every((byte) => byte === 0));
    pieces.push(piece.fill(1 + (length % 255)));
  }
  for (const piece of pieces) assert(piece.every((byte) => byte === 1 + (piece.length % 255)));
});

test('bytesEqual() compares lengths and bytes, of views of any memory', () => {
  const shared = new Uint8Array(new SharedArrayBuffer(8)).fill(7).subarray(2, 6);
  assert(bytesEqual(shared, Uint8Array.of(7, 7, 7, 7)));
  assert(!bytesEqual(shared, Uint8Array.of(7, 7, 7)));
  assert(!bytesEqual(Uint8Array.of(7, 7, 8, 7), shared));
  assert(bytesEqual(new Uint8Array(0), newBytes(0)));
});
