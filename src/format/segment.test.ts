import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { bitFlips, flipBit, truncations } from '../../test/hostile-bytes.ts';
import { concatBytes } from '../base/bytes.ts';
import { crc32 } from '../base/digest.ts';
import { isGdpfsError } from '../base/errors.ts';
import { LIMITS } from '../base/limits.ts';
import { ByteWriter } from './byte-writer.ts';
import {
  decodeCommitPayload,
  decodeFooter,
  decodeFrameHeader,
  decodeSegmentHeader,
  decodeTable,
  decodeWatermark,
  EDITION_BYTES,
  encodeCommitPayload,
  encodeFooter,
  encodeFrameHeader,
  encodeSegmentHeader,
  encodeWatermark,
  FOOTER_BYTES,
  FRAME_HEADER_BYTES,
  FRAME_KIND,
  type FrameHeader,
  payloadChecksum,
  rewrittenHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentVersion,
  TableBuilder,
  type TableEntry,
  WATERMARK_BYTES,
  WATERMARK_OFFSETS,
  STORE_ID_BYTES,
} from './segment.ts';

const uint32 = fc.nat(2 ** 32 - 1);
const frameKind = fc.constantFrom(...Object.values(FRAME_KIND));
const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });

describe('segment header', () => {
  const headers = fc.record(
    {
      version: fc.constantFrom<SegmentVersion>(1, 2),
      storeId: fc.uint8Array({ minLength: 16, maxLength: 16 }),
      segment: uint32,
    },
    { noNullPrototype: true },
  );
  const HEADER = encodeSegmentHeader({
    version: 2,
    storeId: new Uint8Array(16).fill(3),
    segment: 7,
  });

  it('is a page that decodes to what was encoded', () => {
    fc.assert(
      fc.property(headers, (header) => {
        const page = encodeSegmentHeader(header);
        assert.equal(page.length, SEGMENT_HEADER_BYTES);
        assert.deepEqual(decodeSegmentHeader(page), header);
      }),
    );
  });

  it('has an edition where the segment was written anew', () => {
    const edition = fc.uint8Array({ minLength: EDITION_BYTES, maxLength: EDITION_BYTES });
    fc.assert(
      fc.property(headers, edition, (before, given) => {
        const header = rewrittenHeader(before, given);
        assert.equal(header.version, 3);
        const page = encodeSegmentHeader(header);
        assert.deepEqual(decodeSegmentHeader(page), header);
        for (const damaged of bitFlips(page.slice(0, 40))) {
          assertCorrupt(() => decodeSegmentHeader(damaged));
        }
      }),
      { numRuns: 20 },
    );
  });

  it('leaves the watermark slots free, each in a sector of its own', () => {
    const end = 32;
    for (const offset of WATERMARK_OFFSETS) {
      assert.equal(offset % 512, 0);
      assert(offset >= end && offset + WATERMARK_BYTES <= SEGMENT_HEADER_BYTES);
      assert(HEADER.subarray(offset, offset + WATERMARK_BYTES).every((byte) => byte === 0));
    }
  });

  it('is refused with any bit flipped, or cut', () => {
    for (const damaged of [...bitFlips(HEADER.slice(0, 32)), ...truncations(HEADER.slice(0, 32))]) {
      assertCorrupt(() => decodeSegmentHeader(damaged));
    }
  });
});

describe('watermark', () => {
  const watermarks = fc.record(
    { count: fc.maxSafeNat(), durable: fc.maxSafeNat() },
    { noNullPrototype: true },
  );

  it('decodes to what was encoded, and never looks unwritten', () => {
    fc.assert(
      fc.property(watermarks, (watermark) => {
        const slot = encodeWatermark(watermark);
        assert.equal(slot.length, WATERMARK_BYTES);
        assert.deepEqual(decodeWatermark(slot), watermark);
      }),
    );
    assert.deepEqual(decodeWatermark(encodeWatermark({ count: 0, durable: 0 })), {
      count: 0,
      durable: 0,
    });
  });

  it('is undefined in a slot that was never written', () => {
    assert.equal(decodeWatermark(new Uint8Array(WATERMARK_BYTES)), undefined);
  });

  it('is refused with any bit flipped, cut, or too long', () => {
    const slot = encodeWatermark({ count: 300, durable: 70_000 });
    const cut = truncations(slot).filter((damaged) => damaged.some((byte) => byte !== 0));
    for (const damaged of [...bitFlips(slot), ...cut, concatBytes([slot, Uint8Array.of(0)])]) {
      assertCorrupt(() => decodeWatermark(damaged));
    }
  });
});

describe('frame header', () => {
  const headers = fc.record<FrameHeader>(
    {
      kind: frameKind,
      segment: uint32,
      offset: fc.maxSafeNat(),
      length: fc.nat(LIMITS.frameBytesMax),
      checksum: uint32,
    },
    { noNullPrototype: true },
  );
  const HEADER: FrameHeader = {
    kind: FRAME_KIND.commit,
    segment: 3,
    offset: 2 ** 33 + 5,
    length: 77,
    checksum: 2 ** 31 + 1,
  };

  const storeId = new Uint8Array(STORE_ID_BYTES).fill(7);
  const encode = (header: FrameHeader): Uint8Array => encodeFrameHeader(header, storeId);
  const decode = (
    bytes: Uint8Array,
    { segment, offset }: { readonly segment: number; readonly offset: number },
  ): FrameHeader | undefined => decodeFrameHeader(bytes, { storeId, segment, offset });

  it('decodes at its place to what was encoded, whatever follows', () => {
    fc.assert(
      fc.property(headers, fc.uint8Array({ maxLength: 40 }), (header, more) => {
        const encoded = encode(header);
        assert.equal(encoded.length, FRAME_HEADER_BYTES);
        assert.deepEqual(decode(concatBytes([encoded, more]), header), header);
      }),
    );
  });

  it('is none at any other place', () => {
    fc.assert(
      fc.property(headers, uint32, fc.maxSafeNat(), (header, segment, offset) => {
        const isSame = segment === header.segment && offset === header.offset;
        const found = decode(encode(header), { segment, offset });
        assert.equal(found !== undefined, isSame);
      }),
    );
    const encoded = encode(HEADER);
    const { segment, offset } = HEADER;
    assert.equal(decode(encoded, { segment, offset: offset + 1 }), undefined);
    assert.equal(decode(encoded, { segment, offset: offset % 2 ** 32 }), undefined);
    assert.equal(decode(encoded, { segment: segment + 1, offset }), undefined);
  });

  it('is none in another store', () => {
    const place = { segment: HEADER.segment, offset: HEADER.offset };
    const other = new Uint8Array(STORE_ID_BYTES).fill(8);
    assert.equal(decodeFrameHeader(encode(HEADER), { ...place, storeId: other }), undefined);
  });

  it('is none with any bit flipped, or cut', () => {
    const encoded = encode(HEADER);
    for (const damaged of [...bitFlips(encoded), ...truncations(encoded)]) {
      assert.equal(decode(damaged, HEADER), undefined);
    }
  });

  it('is none with a kind that is unknown or a payload over the limit', () => {
    const tooLong = { ...HEADER, length: LIMITS.frameBytesMax + 1 };
    assert.equal(decode(encode(tooLong), tooLong), undefined);
    for (const kind of [0, 5, 2 ** 31]) {
      const unknown = encode({ ...HEADER, kind: kind as FrameHeader['kind'] });
      assert.equal(decode(unknown, HEADER), undefined);
    }
  });

  it('is never found in other bytes', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), uint32, (bytes, offset) => {
        assert.equal(decode(bytes, { segment: 1, offset }), undefined);
      }),
    );
  });
});

describe('payloadChecksum()', () => {
  it('is the CRC-32 of the parts together', () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array(), { maxLength: 5 }), (parts) => {
        assert.equal(payloadChecksum(parts), crc32(concatBytes(parts)));
      }),
    );
  });
});

describe('commit payload', () => {
  it('decodes to the commit and the results', () => {
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array(), (commit, results) => {
        const payload = concatBytes(encodeCommitPayload(commit, results));
        assert.deepEqual(decodeCommitPayload(payload), { commit, results });
      }),
    );
  });

  it('is refused if the commit is cut', () => {
    const commit = new Uint8Array(10).fill(1);
    for (const cut of truncations(concatBytes(encodeCommitPayload(commit, new Uint8Array(0))))) {
      assertCorrupt(() => decodeCommitPayload(cut));
    }
  });
});

describe('segment table', () => {
  const tables = fc
    .array(
      fc.record(
        {
          kind: frameKind,
          gap: fc.nat(1000),
          length: fc.nat(LIMITS.frameBytesMax),
          volume: bytes32,
          digest: bytes32,
        },
        { noNullPrototype: true },
      ),
      { maxLength: 20 },
    )
    .map((items) => {
      let end = SEGMENT_HEADER_BYTES;
      return items.map(({ gap, ...entry }): TableEntry => {
        const offset = end + gap;
        end = offset + FRAME_HEADER_BYTES + entry.length;
        return { ...entry, offset };
      });
    });

  it('decodes to the entries that were added', () => {
    fc.assert(
      fc.property(tables, (entries) => {
        const encoded = encodeTable(entries);
        assert.deepEqual(decodeTable(encoded), entries);
      }),
    );
  });

  it('survives flipped bits: it is refused, or is exactly what the bytes say', () => {
    fc.assert(
      fc.property(tables, fc.nat(), (entries, choice) => {
        const damaged = flipBit(encodeTable(entries), choice);
        try {
          assert.deepEqual(encodeTable(decodeTable(damaged)), damaged);
        } catch (error) {
          assert(isGdpfsError(error, 'corrupt'));
        }
      }),
    );
  });

  it('is refused when cut or continued', () => {
    const encoded = encodeTable([
      entryAt(SEGMENT_HEADER_BYTES, 10),
      entryAt(SEGMENT_HEADER_BYTES + 900, 0),
    ]);
    for (const damaged of [...truncations(encoded), concatBytes([encoded, new Uint8Array(90)])]) {
      assertCorrupt(() => decodeTable(damaged));
    }
  });

  it('is refused if frames overlap, descend, or lie in the header page', () => {
    for (const entries of [
      [entryAt(SEGMENT_HEADER_BYTES, 10), entryAt(SEGMENT_HEADER_BYTES + 41, 10)],
      [entryAt(SEGMENT_HEADER_BYTES + 900, 10), entryAt(SEGMENT_HEADER_BYTES, 10)],
      [entryAt(4095, 10)],
    ]) {
      assertCorrupt(() => decodeTable(encodeTable(entries)));
    }
    assert.equal(
      decodeTable(
        encodeTable([entryAt(SEGMENT_HEADER_BYTES, 10), entryAt(SEGMENT_HEADER_BYTES + 42, 1)]),
      ).length,
      2,
    );
  });

  it('is refused if it claims more entries than a segment has', () => {
    assertCorrupt(() => decodeTable(new ByteWriter().uint32(2 ** 32 - 1).finish()));
    assertCorrupt(() => decodeTable(new ByteWriter().uint32(1).finish()));
    const tooMany = new ByteWriter().uint32(LIMITS.segmentEntriesMax + 1);
    tooMany.bytes(new Uint8Array(77 * (LIMITS.segmentEntriesMax + 1)));
    assertCorrupt(() => decodeTable(tooMany.finish()));
  });
});

describe('segment footer', () => {
  it('decodes to the offset of the table', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (offset) => {
        const footer = encodeFooter(offset);
        assert.equal(footer.length, FOOTER_BYTES);
        assert.equal(decodeFooter(footer), offset);
      }),
    );
  });

  it('is refused with any bit flipped, cut, or too long', () => {
    const footer = encodeFooter(2 ** 30 + 4097);
    const longer = concatBytes([footer, Uint8Array.of(0)]);
    for (const damaged of [...bitFlips(footer), ...truncations(footer), longer]) {
      assertCorrupt(() => decodeFooter(damaged));
    }
  });
});

function encodeTable(entries: readonly TableEntry[]): Uint8Array {
  const builder = new TableBuilder();
  for (const entry of entries) builder.add(entry);
  assert.equal(builder.count, entries.length);
  return concatBytes(builder.payload());
}

function entryAt(offset: number, length: number): TableEntry {
  const volume = new Uint8Array(32).fill(1);
  return { kind: FRAME_KIND.chunk, offset, length, volume, digest: new Uint8Array(32).fill(2) };
}

function assertCorrupt(action: () => unknown): void {
  assert.throws(action, (error) => isGdpfsError(error, 'corrupt'));
}
