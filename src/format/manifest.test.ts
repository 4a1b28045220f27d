import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { bitFlips, truncations } from '../../test/hostile-bytes.ts';
import { concatBytes } from '../base/bytes.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import {
  type Chunk,
  decodeManifestEntries,
  encodeManifestEntries,
  MANIFEST_ENTRY_BYTES,
  type Manifest,
} from './manifest.ts';

const manifests: fc.Arbitrary<Manifest> = fc
  .array(
    fc.record({
      hole: fc.oneof(fc.constant(0), fc.nat({ max: 2 ** 40 })),
      length: fc.integer({ min: 1, max: LIMITS.chunkBytesMax }),
      checksum: fc.nat({ max: 0xffff_ffff }),
      digest: fc.uint8Array({ minLength: 32, maxLength: 32 }),
    }),
    { maxLength: 8 },
  )
  .map((parts) => {
    let size = 0;
    const chunks = parts.map(({ hole, length, checksum, digest }) => {
      const offset = size + hole;
      size = offset + length;
      return { offset, length, checksum, digest };
    });
    return { size, chunks };
  });

const chunk = (offset: number, length: number): Chunk => ({
  offset,
  length,
  checksum: 0xffff_fffe,
  digest: new Uint8Array(32).fill(length),
});

describe('encodeManifestEntries()', () => {
  it('writes 48 bytes an entry: offset, length, checksum, digest', () => {
    const bytes = encodeManifestEntries([chunk(2 ** 32, 0x0a0b)]);
    assert.equal(bytes.length, MANIFEST_ENTRY_BYTES);
    assert.equal(
      Buffer.from(bytes).toString('hex'),
      `0000000100000000${'00000a0b'}${'fffffffe'}${'0b'.repeat(32)}`,
    );
  });
});

describe('decodeManifestEntries()', () => {
  it('restores what was encoded, whole or page by page', () => {
    fc.assert(
      fc.property(manifests, fc.nat({ max: 8 }), ({ size, chunks }, cut) => {
        const bytes = encodeManifestEntries(chunks);
        assert.deepEqual(decodeManifestEntries(bytes, { size }), chunks);
        const first = decodeManifestEntries(bytes.subarray(0, cut * MANIFEST_ENTRY_BYTES), {
          size,
        });
        const last = first.at(-1);
        const from = last === undefined ? 0 : last.offset + last.length;
        const rest = bytes.subarray(cut * MANIFEST_ENTRY_BYTES);
        const second = decodeManifestEntries(rest, { from, size });
        assert.deepEqual([...first, ...second], chunks);
      }),
    );
  });

  it('rejects truncations inside an entry and trailing bytes', () => {
    const bytes = encodeManifestEntries([chunk(0, 5), chunk(5, 5)]);
    for (const damaged of [...truncations(bytes), concatBytes([bytes, Uint8Array.of(0)])]) {
      if (damaged.length % MANIFEST_ENTRY_BYTES === 0) continue;
      assertCorrupt(() => decodeManifestEntries(damaged, { size: 10 }));
    }
  });

  it('reads a flipped bit as another manifest or rejects it', () => {
    const bytes = encodeManifestEntries([chunk(0, 5), chunk(9, 5)]);
    for (const damaged of bitFlips(bytes)) {
      try {
        const chunks = decodeManifestEntries(damaged, { size: 14 });
        assert.deepEqual(encodeManifestEntries(chunks), damaged);
      } catch (error) {
        assert(isGdpfsError(error, 'corrupt'));
      }
    }
  });

  const wrong: Readonly<Record<string, readonly Chunk[]>> = {
    'overlapping entries': [chunk(0, 5), chunk(4, 5)],
    'entries out of order': [chunk(5, 5), chunk(0, 5)],
    'the same entry twice': [chunk(0, 5), chunk(0, 5)],
    'an empty chunk': [chunk(0, 0)],
    'a chunk over the limit': [chunk(0, LIMITS.chunkBytesMax + 1)],
    'an end beyond the size': [chunk(2 ** 30 - 4, 5)],
    'an end beyond 2^53': [chunk(Number.MAX_SAFE_INTEGER, 5)],
  };
  for (const [what, chunks] of Object.entries(wrong)) {
    it(`rejects ${what}`, () => {
      const bytes = encodeManifestEntries(chunks);
      assertCorrupt(() => decodeManifestEntries(bytes, { size: 2 ** 30 }));
    });
  }

  it('rejects a page that begins before the end of the one before', () => {
    const bytes = encodeManifestEntries([chunk(4, 5)]);
    assertCorrupt(() => decodeManifestEntries(bytes, { from: 5, size: 100 }));
    assert.equal(decodeManifestEntries(bytes, { from: 4, size: 100 }).length, 1);
  });
});

function assertCorrupt(action: () => unknown): void {
  assert.throws(action, (error) => isGdpfsError(error, 'corrupt'));
}
