import assert from 'node:assert/strict';
import { test } from 'node:test';
import { crc32, formatDigest, sha256 } from '../base/digest.ts';
import { contentRoot } from '../format/content.ts';
import type { Chunk } from '../format/manifest.ts';
import { decodeTar, type TarFile } from '../wire/tar.ts';
import { encodeTar } from '../wire/tar-writer.ts';
import { hasContent, unpackFiles } from './received-files.ts';

const BYTES = Uint8Array.from({ length: 100 }, (_, index) => index + 1);

/** A file of 100 bytes with data at 10 to 30 and 50 to 80; the rest are holes. */
const CHUNKS = [chunk(10, 20), chunk(50, 30)];
const SPARSE = withHoles();

function chunk(offset: number, length: number): Chunk {
  const data = BYTES.subarray(offset, offset + length);
  return { offset, length, checksum: crc32(data), digest: sha256(data) };
}

function withHoles(): Uint8Array {
  const data = new Uint8Array(BYTES.length);
  for (const { offset, length } of CHUNKS) {
    data.set(BYTES.subarray(offset, offset + length), offset);
  }
  return data;
}

function fileOf(data: Uint8Array, manifest?: readonly Chunk[]): TarFile {
  const file = { kind: 'file', path: 'f', mode: 0o644, mtimeUs: 0, data } as const;
  return manifest === undefined ? file : { ...file, manifest };
}

function expectedOf(size: number, chunks: readonly Chunk[]): { size: number; etag: string } {
  return { size, etag: formatDigest(contentRoot({ size, chunks })) };
}

test('hasContent() knows the content that an ETag names: one chunk, several, with holes, none', () => {
  const halves = [chunk(0, 50), chunk(50, 50)];
  assert(hasContent(fileOf(BYTES), expectedOf(100, [chunk(0, 100)])));
  assert(hasContent(fileOf(BYTES, halves), expectedOf(100, halves)));
  assert(hasContent(fileOf(SPARSE, CHUNKS), expectedOf(100, CHUNKS)));
  assert(hasContent(fileOf(new Uint8Array(100), []), expectedOf(100, [])));
  assert(hasContent(fileOf(new Uint8Array(0)), expectedOf(0, [])));
});

test('hasContent() refuses any byte but zero in a hole, and any changed byte elsewhere', () => {
  for (const at of SPARSE.keys()) {
    const changed = SPARSE.slice();
    changed[at] = (changed[at] ?? 0) ^ 1;
    assert(!hasContent(fileOf(changed, CHUNKS), expectedOf(100, CHUNKS)), `byte ${at}`);
  }
});

test('hasContent() refuses bytes in a file that is all hole', () => {
  const data = new Uint8Array(100);
  data[99] = 1;
  assert(!hasContent(fileOf(data, []), expectedOf(100, [])));
});

test('hasContent() refuses another manifest, another size and no manifest', () => {
  const expected = expectedOf(100, CHUNKS);
  assert(!hasContent(fileOf(SPARSE), expected));
  assert(!hasContent(fileOf(SPARSE, CHUNKS.slice(0, 1)), expected));
  assert(!hasContent(fileOf(SPARSE.subarray(0, 99), CHUNKS), expected));
  assert(!hasContent(fileOf(SPARSE, CHUNKS), { ...expected, size: 99 }));
});

test('a sparse file from a tar body is checked, holes included', async () => {
  const changed = SPARSE.slice();
  changed[40] = 1;
  for (const [data, isGood] of [
    [SPARSE, true],
    [changed, false],
  ] as const) {
    const tar = encodeTar([{ ...fileOf(data, CHUNKS), digest: sha256(data) }]);
    assert.equal(decodeTar(tar).length, 1);
    const file = unpackFiles(tar).get('f');
    assert(file !== undefined);
    assert.equal(hasContent(file, expectedOf(100, CHUNKS)), isGood);
  }
});

test('unpackFiles() takes a body that is none, or damaged, as if nothing had come', () => {
  assert.equal(unpackFiles(undefined).size, 0);
  assert.equal(unpackFiles(new Uint8Array(1000).fill(7)).size, 0);
});
