import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sha256 } from '../base/digest.ts';
import { contentRoot } from '../format/content.ts';
import { encodePackHead } from '../wire/file-pack.ts';
import { rootOf, rootOfWhole, unpackFiles } from './packed-files.ts';

const BYTES = Uint8Array.from({ length: 100 }, (_, index) => index + 1);

function rootOfChunks(size: number, ...pieces: readonly [number, number][]): Uint8Array {
  const chunks = pieces.map(([offset, length]) => {
    const digest = sha256(BYTES.subarray(offset, offset + length));
    return { offset, length, checksum: 0, digest };
  });
  return contentRoot({ size, chunks });
}

function piecesOf(...pieces: readonly [number, number][]): { offset: number; length: number }[] {
  return pieces.map(([offset, length]) => ({ offset, length }));
}

test('rootOf() is the content root of a file of one chunk, of several, with holes, of nothing', () => {
  assert.deepEqual(
    rootOf({ data: BYTES, pieces: piecesOf([0, 100]) }),
    rootOfChunks(100, [0, 100]),
  );
  assert.deepEqual(rootOfWhole(BYTES), rootOfChunks(100, [0, 100]));
  assert.deepEqual(
    rootOf({ data: BYTES, pieces: piecesOf([0, 50], [50, 50]) }),
    rootOfChunks(100, [0, 50], [50, 50]),
  );
  assert.deepEqual(
    rootOf({ data: BYTES, pieces: piecesOf([10, 20], [50, 30]) }),
    rootOfChunks(100, [10, 20], [50, 30]),
  );
  assert.deepEqual(rootOf({ data: new Uint8Array(9), pieces: [] }), rootOfChunks(9));
  assert.deepEqual(rootOfWhole(new Uint8Array(0)), rootOfChunks(0));
});

test('rootOf() is another one if any byte of a chunk, a boundary or the size is', () => {
  const pieces = piecesOf([0, 40], [40, 60]);
  const root = rootOf({ data: BYTES, pieces });
  for (const at of BYTES.keys()) {
    const changed = BYTES.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert.notDeepEqual(rootOf({ data: changed, pieces }), root, `byte ${at}`);
  }
  assert.notDeepEqual(rootOf({ data: BYTES, pieces: piecesOf([0, 41], [41, 59]) }), root);
  assert.notDeepEqual(rootOf({ data: BYTES, pieces: piecesOf([0, 40]) }), root);
  assert.notDeepEqual(rootOfWhole(BYTES), root);
});

test('unpackFiles() takes a body that is none, or damaged, as if nothing had come', () => {
  assert.deepEqual(unpackFiles(undefined, 1), []);
  assert.deepEqual(unpackFiles(new Uint8Array(1000).fill(7), 1), []);
  assert.deepEqual(unpackFiles(encodePackHead([]), 1), []);
});
