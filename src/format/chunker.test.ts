import assert from 'node:assert/strict';
import { createCipheriv } from 'node:crypto';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { LIMITS } from '../base/limits.ts';
import {
  chunkingKey,
  ContentCutter,
  createCutter,
  type Cutter,
  recordedChunkSize,
} from './chunker.ts';

const KEY = new Uint8Array(32).fill(7);
const MIB = 1024 * 1024;

/** The same pseudo-random bytes every time. */
function bytesOf(seed: number, length: number): Uint8Array {
  const key = new Uint8Array(32).fill(seed);
  return createCipheriv('chacha20', key, new Uint8Array(16)).update(new Uint8Array(length));
}

/** Lengths of the chunks of `data`, given in pieces of the lengths that `nextPiece` says. */
function lengthsOf(data: Uint8Array, key = KEY, nextPiece = () => data.length): number[] {
  return cutAll(new ContentCutter(key), data, nextPiece);
}

function cutAll(cutter: Cutter, data: Uint8Array, nextPiece: () => number): number[] {
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

  it('can forget the chunk that was begun', () => {
    const cutter = new ContentCutter(KEY);
    assert.equal(cutter.push(data, 0, 70_000), -1);
    cutter.reset();
    assert.equal(cutter.push(data), lengthsOf(data)[0]);
  });
});

describe('createCutter()', () => {
  it('cuts by content, or into chunks of one size, wherever the pieces end', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 100 }),
        fc.nat(1000),
        fc.infiniteStream(fc.integer({ min: 1, max: 250 })),
        (chunkSize, length, pieces) => {
          const cutter = createCutter({ mode: 'fixed', chunkSize });
          const lengths = cutAll(cutter, new Uint8Array(length), () => pieces.next().value);
          const whole = Array.from({ length: Math.floor(length / chunkSize) }, () => chunkSize);
          const rest = length % chunkSize;
          assert.deepEqual(lengths, rest === 0 ? whole : [...whole, rest]);
          assert.equal(cutter.lengthMax, chunkSize);
        },
      ),
    );
    const some = bytesOf(5, 2 * MIB);
    const cutter = createCutter({ mode: 'cdc', key: KEY });
    assert.deepEqual(
      cutAll(cutter, some, () => some.length),
      lengthsOf(some),
    );
    assert.equal(cutter.lengthMax, LIMITS.cutBytesMax);
  });

  it('can forget a chunk of one size that was begun', () => {
    const cutter = createCutter({ mode: 'fixed', chunkSize: 10 });
    assert.equal(cutter.push(new Uint8Array(7)), -1);
    cutter.reset();
    assert.equal(cutter.push(new Uint8Array(20)), 10);
  });
});

describe('recordedChunkSize()', () => {
  it('is the chunk size, or the average', () => {
    assert.equal(recordedChunkSize({ mode: 'fixed', chunkSize: 5 }), 5);
    assert.equal(recordedChunkSize({ mode: 'cdc', key: KEY }), LIMITS.chunkBytesDefault);
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
