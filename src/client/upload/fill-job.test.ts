import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { fc } from '../../../test/support/property.ts';
import { crc32, sha256 } from '../../base/digest.ts';
import { LIMITS } from '../../base/limits.ts';
import { type ChunkFrame, ChunkFrameDecoder } from '../../format/chunk-frame.ts';
import { ContentCutter } from '../../format/chunker.ts';
import { ChunkBody, type Extent, sizeOfBody } from '../chunk-body.ts';
import { fill, type Filled, type FilePart } from './fill-job.ts';

const KIB = 1024;
const KEY = new Uint8Array(32).fill(3);
/** As large as those of a transfer. */
const BODY_BYTES = LIMITS.chunkBytesMax + LIMITS.bodyChunksMax * 16;

const folder = mkdtempSync(join(tmpdir(), 'gdpfs-test-'));
after(() => rmSync(folder, { recursive: true }));

interface Zeros {
  readonly dropZeros: boolean;
  /** The probe need not be a direct read; see hole-probe.test.ts for these. */
  readonly isProbed: boolean;
}

const zerosArbitrary = fc.record({ dropZeros: fc.boolean(), isProbed: fc.boolean() });

/** What one job made, and the frames that a server finds in its bytes. */
function run(
  data: Uint8Array,
  part: FilePart,
  { dropZeros, isProbed, isUnsummed = false }: Zeros & { readonly isUnsummed?: boolean },
): Filled & { readonly frames: readonly ChunkFrame[] } {
  const path = join(folder, 'file');
  writeFileSync(path, data);
  const file = openSync(path, 'r');
  try {
    const bytes = new Uint8Array(new SharedArrayBuffer(BODY_BYTES)).fill(0xaa);
    const probe = isProbed ? file : undefined;
    const filled = fill({ file, path, bytes, part, dropZeros, probe, isUnsummed });
    const decoder = new ChunkFrameDecoder();
    const frames = decoder.push(new ChunkBody(bytes, filled.chunks).bytes);
    decoder.end();
    return { ...filled, frames };
  } finally {
    closeSync(file);
  }
}

/** Data of runs, each random or zero, of lengths that meet slices, chunks and neither. */
const dataArbitrary = fc
  .array(
    fc.record({
      isZero: fc.boolean(),
      length: fc.oneof(
        fc.constantFrom(64 * KIB, 256 * KIB, 512 * KIB, 1024 * KIB),
        fc.integer({ min: 1, max: 300 * KIB }),
      ),
    }),
    { minLength: 1, maxLength: 6 },
  )
  .map((runs) =>
    Buffer.concat(
      runs.map(({ isZero, length }) => (isZero ? Buffer.alloc(length) : randomBytes(length))),
    ),
  );

function checkFrames({ chunks, frames }: ReturnType<typeof run>, data: Uint8Array): void {
  assert.equal(frames.length, chunks.length);
  for (const [index, { offset, length, checksum, digest }] of chunks.entries()) {
    const expected = data.subarray(offset, offset + length);
    const frame = frames[index];
    assert(frame !== undefined && Buffer.from(frame.data).equals(expected));
    assert.deepEqual([frame.offset, frame.checksum], [offset, checksum]);
    assert.equal(checksum, crc32(expected));
    assert.deepEqual(digest, sha256(expected));
  }
}

function isZero(data: Uint8Array): boolean {
  return data.every((byte) => byte === 0);
}

test('fill() makes frames of the chunks whose place is known, without those that are holes', () => {
  fc.assert(
    fc.property(
      dataArbitrary,
      fc.integer({ min: 1000, max: 400 * KIB }),
      zerosArbitrary,
      (data, length, zeros) => {
        const extents: Extent[] = [];
        for (let offset = 0; offset < data.length; offset += length) {
          const extent = { offset, length: Math.min(length, data.length - offset) };
          if (sizeOfBody([...extents, extent]) > BODY_BYTES) break;
          extents.push(extent);
        }
        const filled = run(data, { kind: 'extents', extents }, zeros);
        checkFrames(filled, data);
        const kept = extents.filter(
          (extent) =>
            !zeros.dropZeros ||
            !isZero(data.subarray(extent.offset, extent.offset + extent.length)),
        );
        assert.deepEqual(
          filled.chunks.map(({ offset, length }) => ({ offset, length })),
          kept,
        );
      },
    ),
    { numRuns: 40 },
  );
});

test('fill() cuts a file part by part as it would be cut in one go', () => {
  fc.assert(
    fc.property(dataArbitrary, zerosArbitrary, (data, zeros) => {
      const found: Extent[] = [];
      for (let start = 0; start < data.length; ) {
        const part: FilePart = { kind: 'cut', key: KEY, start, end: data.length };
        const filled = run(data, part, zeros);
        checkFrames(filled, data);
        found.push(...filled.chunks.map(({ offset, length }) => ({ offset, length })));
        assert(filled.end > start);
        start = filled.end;
      }
      assert.deepEqual(found, cutWhole(data, zeros.dropZeros));
    }),
    { numRuns: 40 },
  );
});

function cutWhole(data: Uint8Array, dropZeros: boolean): Extent[] {
  const cutter = new ContentCutter(KEY);
  const extents: Extent[] = [];
  for (let offset = 0; offset < data.length; ) {
    const cut = cutter.push(data, offset);
    const end = cut < 0 ? data.length : cut;
    const isHole = dropZeros && isZero(data.subarray(offset, end));
    if (!isHole) extents.push({ offset, length: end - offset });
    offset = end;
  }
  return extents;
}

test('fill() leaves out the checksums, and nothing else, if they are not wanted', () => {
  const data = randomBytes(300 * KIB);
  const extents = [
    { offset: 0, length: 200 * KIB },
    { offset: 200 * KIB, length: 100 * KIB },
  ];
  const zeros = { dropZeros: false, isProbed: false };
  const summed = run(data, { kind: 'extents', extents }, zeros);
  const unsummed = run(data, { kind: 'extents', extents }, { ...zeros, isUnsummed: true });
  const without = <T>(frames: readonly T[]): T[] =>
    frames.map((each) => ({ ...each, checksum: 0 }));
  assert.notDeepEqual(summed.chunks, without(summed.chunks));
  assert.deepEqual(unsummed.chunks, without(summed.chunks));
  assert.deepEqual(unsummed.frames, without(summed.frames));
});

test('fill() reports a file that ends before its time as changed', () => {
  const path = join(folder, 'short');
  writeFileSync(path, randomBytes(1000));
  const file = openSync(path, 'r');
  truncateSync(path, 500);
  const bytes = new Uint8Array(BODY_BYTES);
  const parts: FilePart[] = [
    { kind: 'extents', extents: [{ offset: 0, length: 1000 }] },
    { kind: 'cut', key: KEY, start: 0, end: 1000 },
  ];
  for (const part of parts) {
    for (const dropZeros of [false, true]) {
      assert.throws(() => fill({ file, path, bytes, part, dropZeros, isUnsummed: false }), {
        code: 'source_changed',
      });
    }
  }
  closeSync(file);
});
