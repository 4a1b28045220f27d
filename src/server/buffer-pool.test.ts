import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LIMITS } from '../base/limits.ts';
import { BufferPool } from './buffer-pool.ts';

const KIB = 1024;

test('take() gives the length asked for, and memory that was given back', () => {
  const pool = new BufferPool();
  const first = pool.take(200 * KIB);
  assert.equal(first.length, 200 * KIB);
  pool.give(first);
  const second = pool.take(256 * KIB);
  assert.equal(second.length, 256 * KIB);
  assert.equal(second.buffer, first.buffer);
  assert.notEqual(pool.take(256 * KIB).buffer, first.buffer, 'it is in use');
});

test('give() takes a part for the whole, once', () => {
  const pool = new BufferPool();
  const bytes = pool.take(100 * KIB);
  pool.give(bytes.subarray(10, 20));
  pool.give(bytes);
  assert.equal(pool.take(100 * KIB).buffer, bytes.buffer);
  assert.notEqual(pool.take(100 * KIB).buffer, bytes.buffer);
});

test('give() leaves memory from elsewhere alone', () => {
  const pool = new BufferPool();
  const foreign = new Uint8Array(128 * KIB);
  pool.give(foreign);
  assert.notEqual(pool.take(128 * KIB).buffer, foreign.buffer);
  const small = pool.take(10);
  pool.give(small);
  assert.equal(small.length, 10);
});

test('the free memory that is kept is bounded', () => {
  const pool = new BufferPool();
  const count = (2 * LIMITS.chunkPoolBytesMax) / LIMITS.chunkBytesMax;
  const taken = Array.from({ length: count }, () => pool.take(LIMITS.chunkBytesMax));
  for (const bytes of taken) pool.give(bytes);
  const buffers = new Set(taken.map(({ buffer }) => buffer));
  const again = Array.from({ length: count }, () => pool.take(LIMITS.chunkBytesMax));
  const reused = again.filter(({ buffer }) => buffers.has(buffer));
  const capacity = taken[0]?.buffer.byteLength ?? 0;
  assert.equal(reused.length, Math.floor(LIMITS.chunkPoolBytesMax / capacity));
});
