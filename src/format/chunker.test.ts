import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { LIMITS } from '../base/limits.ts';
import { chunkingKey, ContentCutter } from './chunker.ts';

const KEY = new Uint8Array(32).fill(7);
const MIB = 1024 * 1024;

/** The same pseudo-random bytes every time. */
function bytesOf(seed: number, length: number): Uint8Array {
  const key = new Uint8Array(32).fill(seed);
  return createCipheriv('chacha20', key, new Uint8Array(16)).update(new Uint8Array(length));
}

/** Lengths of the chunks of `data`, given in pieces of the lengths that `nextPiece` says. */
function lengthsOf(data: Uint8Array, key = KEY, nextPiece = () => data.length): number[] {
  const cutter = new ContentCutter(key);
  const lengths: number[] = [];
  let start = 0;
  for (let at = 0; at < data.length; ) {
    const end = Math.min(data.length, at + nextPiece());
    const cut = cutter.push(data, at, end);
    at = cut < 0 ? end : cut;
    if (cut < 0) continue;
    lengths.push(cut - start);
    start = cut;
  }
  if (start < data.length) lengths.push(data.length - start);
  return lengths;
}

function boundariesOf(data: Uint8Array, key = KEY): Set<number> {
  let end = 0;
  return new Set(lengthsOf(data, key).map((length) => (end += length)));
}

describe('ContentCutter', () => {
  const data = bytesOf(1, 64 * MIB);

  it('cuts between the smallest and the largest length, and near the average', () => {
    const lengths = lengthsOf(data);
    for (const length of lengths.slice(0, -1)) {
      assert(length >= LIMITS.cutBytesMin && length <= LIMITS.cutBytesMax, String(length));
    }
    const average = data.length / lengths.length;
    assert(Math.abs(average - LIMITS.chunkBytesDefault) < 0.1 * LIMITS.chunkBytesDefault);
  });

  it('cuts the same wherever the pieces end', () => {
    const some = data.subarray(0, 3 * MIB);
    const expected = lengthsOf(some);
    fc.assert(
      fc.property(fc.infiniteStream(fc.integer({ min: 1, max: 200_000 })), (pieces) => {
        assert.deepEqual(
          lengthsOf(some, KEY, () => pieces.next().value),
          expected,
        );
      }),
      { numRuns: 20 },
    );
  });

  it('finds its boundaries again behind bytes that were put in, taken out or changed', () => {
    fc.assert(
      fc.property(
        fc.nat(4 * MIB),
        fc.nat(2000),
        fc.uint8Array({ maxLength: 2000 }),
        (at, taken, put) => {
          const before = data.subarray(0, 8 * MIB);
          const rest = before.subarray(at + taken);
          const after = Buffer.concat([before.subarray(0, at), put, rest]);
          const shift = put.length - taken;
          const known = new Set([...boundariesOf(before)].map((end) => end + shift));
          const found = [...boundariesOf(after)].filter((end) => end > at + put.length);
          const again = found.findIndex((end) => known.has(end));
          assert(again >= 0 && again <= 6, `boundary ${again} is the first known one`);
          assert(found.slice(again).every((end) => known.has(end)));
        },
      ),
      { numRuns: 20 },
    );
  });

  it('cuts with another key at other places', () => {
    const other = boundariesOf(data, new Uint8Array(32).fill(8));
    other.delete(data.length);
    const shared = [...boundariesOf(data)].filter((end) => other.has(end));
    assert(shared.length <= 1, `${shared.length} boundaries are the same`);
  });

  it('says how long the chunk is so far, and can forget it', () => {
    const cutter = new ContentCutter(KEY);
    assert.equal(cutter.push(data, 0, 1000), -1);
    assert.equal(cutter.length, 1000);
    cutter.reset();
    assert.equal(cutter.length, 0);
    assert.equal(cutter.push(data), lengthsOf(data)[0]);
  });
});

describe('chunkingKey()', () => {
  it('is another for every owner and every volume', () => {
    const [seed, name, other] = [bytesOf(2, 32), bytesOf(3, 32), bytesOf(4, 32)];
    const keys = [chunkingKey(seed, name), chunkingKey(seed, other), chunkingKey(other, name)];
    assert.equal(new Set(keys.map(String)).size, 3);
    assert.deepEqual(chunkingKey(seed, name), keys[0]);
  });
});
