import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { concatBytes, hexEncode } from '../base/bytes.ts';
import { crc32, sha256 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ContentFold, chunkSizeAfter, chunkSizeFor, contentRoot, overlapping } from './content.ts';
import type { Chunk, Manifest } from './manifest.ts';
import { EMPTY_ROOT, leafHash, merkleRoot } from './merkle.ts';

/** An fchunk of `length` bytes, told apart from others by `fill`. */
function fchunk(offset: number, length: number, fill = 0): Chunk {
  const data = new Uint8Array(length).fill(fill);
  const digest = length === 0 ? new Uint8Array(0) : sha256(data);
  return { offset, length, checksum: crc32(data), digest };
}

function foldOf(fchunks: readonly Chunk[]): ContentFold {
  const fold = new ContentFold();
  for (const each of fchunks) fold.apply(each);
  return fold;
}

interface FoldRow {
  readonly row: string;
  readonly fchunks: readonly Chunk[];
  readonly live: readonly Chunk[];
  readonly size: number;
}

/** The table "From fchunks to content" of docs/formats.md. */
const FOLD: readonly FoldRow[] = [
  { row: 'no fchunk: an empty file', fchunks: [], live: [], size: 0 },
  {
    row: 'at the end: append',
    fchunks: [fchunk(0, 10), fchunk(10, 10), fchunk(20, 3)],
    live: [fchunk(0, 10), fchunk(10, 10), fchunk(20, 3)],
    size: 23,
  },
  {
    row: 'beyond the end: a hole',
    fchunks: [fchunk(0, 10), fchunk(30, 10)],
    live: [fchunk(0, 10), fchunk(30, 10)],
    size: 40,
  },
  {
    row: 'length 0 at a boundary: truncation',
    fchunks: [fchunk(0, 10), fchunk(10, 10), fchunk(20, 10), fchunk(10, 0)],
    live: [fchunk(0, 10)],
    size: 10,
  },
  {
    row: 'length 0 at 0: truncation to nothing',
    fchunks: [fchunk(0, 10), fchunk(10, 10), fchunk(0, 0)],
    live: [],
    size: 0,
  },
  {
    row: 'at the start of a chunk: it and all behind are gone, the new bytes follow',
    fchunks: [fchunk(0, 10), fchunk(10, 10), fchunk(20, 10), fchunk(10, 10, 1)],
    live: [fchunk(0, 10), fchunk(10, 10, 1)],
    size: 20,
  },
  {
    row: 'truncation inside a chunk: the cut chunk is written again',
    fchunks: [fchunk(0, 10), fchunk(10, 10), fchunk(10, 4)],
    live: [fchunk(0, 10), fchunk(10, 4)],
    size: 14,
  },
  {
    row: 'append to a short chunk: the short chunk is written again',
    fchunks: [fchunk(0, 10), fchunk(10, 4), fchunk(10, 10, 2), fchunk(20, 1)],
    live: [fchunk(0, 10), fchunk(10, 10, 2), fchunk(20, 1)],
    size: 21,
  },
  {
    row: 'length 0 beyond the end: extension with a hole',
    fchunks: [fchunk(0, 10), fchunk(50, 0)],
    live: [fchunk(0, 10)],
    size: 50,
  },
  {
    row: 'at the end behind a trailing hole: append',
    fchunks: [fchunk(0, 10), fchunk(50, 0), fchunk(50, 5)],
    live: [fchunk(0, 10), fchunk(50, 5)],
    size: 55,
  },
  {
    row: 'inside a hole: what is behind is gone, the hole becomes shorter',
    fchunks: [fchunk(0, 10), fchunk(50, 5), fchunk(30, 5)],
    live: [fchunk(0, 10), fchunk(30, 5)],
    size: 35,
  },
  {
    row: 'length 0 inside a hole: truncation that leaves a trailing hole',
    fchunks: [fchunk(0, 10), fchunk(50, 5), fchunk(30, 0)],
    live: [fchunk(0, 10)],
    size: 30,
  },
  {
    row: 'length 0 at the end: nothing changes',
    fchunks: [fchunk(0, 10), fchunk(10, 0), fchunk(10, 10)],
    live: [fchunk(0, 10), fchunk(10, 10)],
    size: 20,
  },
];

describe('ContentFold', () => {
  for (const { row, fchunks, live, size } of FOLD) {
    it(row, () => assert.deepEqual(foldOf(fchunks).manifest(), { size, chunks: live }));
  }

  const refused: Readonly<Record<string, Chunk>> = {
    'bytes inside a live chunk': fchunk(15, 10),
    'a truncation inside a live chunk': fchunk(15, 0),
    'a truncation inside the first chunk': fchunk(1, 0),
    'a chunk over the limit': { ...fchunk(20, 1), length: LIMITS.chunkBytesMax + 1 },
    'a negative length': { ...fchunk(20, 1), length: -1 },
    'a negative offset': { ...fchunk(20, 1), offset: -1 },
    'a fractional offset': { ...fchunk(20, 1), offset: 20.5 },
    'an end beyond 2^53': { ...fchunk(20, 1), offset: Number.MAX_SAFE_INTEGER },
    'a digest of another length': { ...fchunk(20, 1), digest: new Uint8Array(31) },
    'a digest of nothing': { ...fchunk(20, 0), digest: new Uint8Array(32) },
  };
  for (const [what, bad] of Object.entries(refused)) {
    it(`apply() refuses ${what} and changes nothing`, () => {
      const fold = foldOf([fchunk(0, 10), fchunk(10, 10)]);
      const before = fold.manifest();
      assert.throws(
        () => fold.apply(bad),
        (error) => isGdpfsError(error, 'bad_request'),
      );
      assert.deepEqual(fold.manifest(), before);
    });
  }

  it('manifest() does not change with what is applied later', () => {
    const fold = foldOf([fchunk(0, 10)]);
    const before = fold.manifest();
    fold.apply(fchunk(0, 0));
    assert.deepEqual(before, { size: 10, chunks: [fchunk(0, 10)] });
  });

  it('agrees with a model that keeps the bytes', () => {
    const steps = fc.array(
      fc.record({ offset: fc.nat({ max: 40 }), length: fc.nat({ max: 12 }) }),
      { maxLength: 30 },
    );
    fc.assert(
      fc.property(steps, (all) => {
        const fold = new ContentFold();
        let bytes: number[] = [];
        for (const [step, { offset, length }] of all.entries()) {
          try {
            fold.apply(fchunk(offset, length, step + 1));
          } catch (error) {
            assert(isGdpfsError(error, 'bad_request'));
            assert(fold.manifest().chunks.some((live) => isInside(live, offset)));
            continue;
          }
          const kept = Array.from({ length: offset }, (_, index) => bytes[index] ?? 0);
          bytes = [...kept, ...Array.from({ length }, () => step + 1)];
        }
        assert.deepEqual(contentDigests(fold.manifest()), modelDigests(fold.manifest(), bytes));
        assert.equal(fold.manifest().size, bytes.length);
      }),
    );
  });
});

describe('contentRoot()', () => {
  const leaf = (offset: number, length: number, digest: Uint8Array) => {
    const head = Buffer.alloc(12);
    head.writeBigInt64BE(BigInt(offset), 0);
    head.writeUInt32BE(length, 8);
    return leafHash(concatBytes([head, digest]));
  };

  it('of an empty file is the root of the empty tree', () => {
    assert.deepEqual(contentRoot({ size: 0, chunks: [] }), EMPTY_ROOT);
  });

  it('has one leaf of offset, length and digest for each chunk', () => {
    const chunks = [fchunk(0, 10, 1), fchunk(2 ** 40, 7, 2), fchunk(2 ** 40 + 7, 1, 3)];
    const leaves = chunks.map(({ offset, length, digest }) => leaf(offset, length, digest));
    assert.deepEqual(contentRoot({ size: 2 ** 40 + 8, chunks }), merkleRoot(leaves));
  });

  it('has one more leaf for a hole at the end', () => {
    const chunks = [fchunk(0, 10, 1)];
    const end = leaf(50, 0, new Uint8Array(32));
    const first = leaf(0, 10, sha256(new Uint8Array(10).fill(1)));
    assert.deepEqual(contentRoot({ size: 50, chunks }), merkleRoot([first, end]));
    assert.deepEqual(contentRoot({ size: 50, chunks: [] }), merkleRoot([end]));
  });

  it('does not depend on the checksum', () => {
    const chunk = fchunk(0, 10);
    const root = contentRoot({ size: 10, chunks: [chunk] });
    assert.deepEqual(contentRoot({ size: 10, chunks: [{ ...chunk, checksum: 1 }] }), root);
  });

  it('differs for different content', () => {
    const contents: Manifest[] = [
      { size: 0, chunks: [] },
      { size: 10, chunks: [] },
      { size: 10, chunks: [fchunk(0, 10)] },
      { size: 11, chunks: [fchunk(0, 10)] },
      { size: 11, chunks: [fchunk(1, 10)] },
      { size: 10, chunks: [fchunk(0, 10, 1)] },
      { size: 10, chunks: [fchunk(0, 5), fchunk(5, 5)] },
    ];
    assert.equal(
      new Set(contents.map((each) => hexEncode(contentRoot(each)))).size,
      contents.length,
    );
  });
});

describe('chunkSizeFor()', () => {
  const KIB = 1024;
  const MIB = 1024 * KIB;
  for (const [size, chunkSize] of [
    [0, 256 * KIB],
    [256 * MIB, 256 * KIB],
    [256 * MIB + 1, MIB],
    [4096 * MIB, MIB],
    [4096 * MIB + 1, 4 * MIB],
    [Number.MAX_SAFE_INTEGER, 4 * MIB],
  ] as const) {
    it(`is ${chunkSize} for a file of ${size} bytes`, () => {
      assert.equal(chunkSizeFor(size), chunkSize);
    });
  }
});

describe('chunkSizeAfter()', () => {
  const KIB = 1024;
  const MIB = 1024 * KIB;
  for (const [lengths, size, chunkSize] of [
    [[], 300 * MIB, MIB],
    [[10], 10, 256 * KIB],
    [[256 * KIB], 300 * MIB, MIB],
    [[256 * KIB + 1], 256 * KIB + 1, MIB],
    [[MIB], MIB, MIB],
    [[MIB + 1], 10, 4 * MIB],
    [[MIB + 1], 300 * MIB, 4 * MIB],
    [[300 * KIB, 10], 5000 * MIB, 300 * KIB],
    [[64 * KIB - 1, 64 * KIB - 1], 10, 256 * KIB],
    [[64 * KIB, 64 * KIB], 64 * KIB * LIMITS.fileRecordsMax, 4 * MIB],
  ] as const) {
    it(`is ${chunkSize} for ${size} bytes after chunks of ${lengths.join(' and ') || 'nothing'}`, () => {
      const chunks = lengths.map((length, index) => ({
        ...fchunk(index * (lengths[0] ?? 0), 0),
        length,
      }));
      assert.equal(chunkSizeAfter(chunks, size), chunkSize);
    });
  }
});

describe('overlapping()', () => {
  const chunks = [fchunk(0, 10), fchunk(10, 10), fchunk(30, 10)];
  for (const [offset, length, offsets] of [
    [0, 1, [0]],
    [0, 0, []],
    [9, 2, [0, 10]],
    [10, 10, [10]],
    [0, 40, [0, 10, 30]],
    [20, 10, []],
    [20, 11, [30]],
    [39, 100, [30]],
    [40, 1, []],
  ] as const) {
    it(`of ${length} bytes at ${offset} is the chunks at [${offsets.join(', ')}]`, () => {
      const found = overlapping(chunks, { offset, length });
      assert.deepEqual(
        found.map((chunk) => chunk.offset),
        offsets,
      );
    });
  }

  it('finds what a scan of all chunks finds', () => {
    const sizes = fc.array(
      fc.record({ hole: fc.nat({ max: 3 }), length: fc.integer({ min: 1, max: 5 }) }),
    );
    fc.assert(
      fc.property(sizes, fc.nat({ max: 60 }), fc.nat({ max: 30 }), (parts, offset, length) => {
        let end = 0;
        const all = parts.map((part) => {
          const chunk = fchunk(end + part.hole, part.length);
          end = chunk.offset + chunk.length;
          return chunk;
        });
        const scan = all.filter(
          (chunk) => chunk.offset < offset + length && chunk.offset + chunk.length > offset,
        );
        assert.deepEqual(overlapping(all, { offset, length }), scan);
      }),
    );
  });
});

function isInside(chunk: Chunk, offset: number): boolean {
  return chunk.offset < offset && offset < chunk.offset + chunk.length;
}

function contentDigests(manifest: Manifest): string[] {
  return manifest.chunks.map((chunk) => hexEncode(chunk.digest));
}

/** The digests of the model's bytes where the manifest says chunks are; zeros everywhere else. */
function modelDigests(manifest: Manifest, bytes: readonly number[]): string[] {
  const rest = [...bytes];
  const digests = manifest.chunks.map(({ offset, length }) => {
    const data = Uint8Array.from(bytes.slice(offset, offset + length));
    rest.fill(0, offset, offset + length);
    return hexEncode(sha256(data));
  });
  assert(rest.every((byte) => byte === 0));
  return digests;
}
