import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { isGdpfsError } from '../base/errors.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

const READS = {
  uint8: [1, (reader) => reader.uint8()],
  uint16: [2, (reader) => reader.uint16()],
  uint32: [4, (reader) => reader.uint32()],
  uint64: [8, (reader) => reader.uint64()],
  bytes: [5, (reader) => reader.bytes(5)],
} as const satisfies Record<string, readonly [number, (reader: ByteReader) => unknown]>;

describe('ByteReader', () => {
  for (const [what, [length, read]] of Object.entries(READS)) {
    it(`${what}() takes ${length} bytes, and no fewer`, () => {
      fc.assert(
        fc.property(fc.nat(12), fc.nat(12), (size, skip) => {
          const reader = new ByteReader(new Uint8Array(size), 'test');
          if (skip > size) return;
          reader.bytes(skip);
          if (size - skip < length) {
            assertCorrupt(() => read(reader));
            assert.equal(reader.offset, skip);
          } else {
            read(reader);
            assert.equal(reader.offset, skip + length);
            assert.equal(reader.remaining, size - skip - length);
          }
        }),
      );
    });
  }

  it('uint64() refuses what a number cannot hold', () => {
    const largest = new ByteWriter().uint64(Number.MAX_SAFE_INTEGER).finish();
    assert.equal(new ByteReader(largest, 'test').uint64(), Number.MAX_SAFE_INTEGER);
    for (const bytes of [
      Uint8Array.of(0, 0x20, 0, 0, 0, 0, 0, 0),
      new Uint8Array(8).fill(0xff),
      Uint8Array.of(0x80, 0, 0, 0, 0, 0, 0, 0),
    ]) {
      assertCorrupt(() => new ByteReader(bytes, 'test').uint64());
    }
  });

  it('sizedBytes() takes up to the limit, and no length that is not there', () => {
    const sized = (length: number, present: number): ByteReader =>
      new ByteReader(
        new ByteWriter().uint32(length).bytes(new Uint8Array(present)).finish(),
        'test',
      );
    assert.equal(sized(10, 10).sizedBytes(10).length, 10);
    assertCorrupt(() => sized(11, 11).sizedBytes(10));
    assertCorrupt(() => sized(10, 9).sizedBytes(10));
    assertCorrupt(() => sized(2 ** 32 - 1, 10).sizedBytes(2 ** 32));
  });

  it('count() refuses more items than there are bytes for', () => {
    const counted = (count: number, present: number): ByteReader =>
      new ByteReader(
        new ByteWriter().uint32(count).bytes(new Uint8Array(present)).finish(),
        'test',
      );
    assert.equal(counted(3, 12).count(3, 4), 3);
    assertCorrupt(() => counted(3, 11).count(3, 4));
    assertCorrupt(() => counted(4, 16).count(3, 4));
    assertCorrupt(() => counted(2 ** 32 - 1, 16).count(2 ** 32, 4));
  });

  it('bytes() is a view of a view', () => {
    const buffer = Uint8Array.of(9, 1, 2, 3, 9);
    const view = new ByteReader(buffer.subarray(1, 4), 'test').bytes(2);
    assert.deepEqual([...view], [1, 2]);
    assert.equal(view.buffer, buffer.buffer);
  });

  it('end() refuses bytes that are left over', () => {
    const reader = new ByteReader(Uint8Array.of(1, 2), 'test');
    assertCorrupt(() => {
      reader.end();
    });
    reader.uint16();
    reader.end();
  });

  it('names in its errors what is decoded', () => {
    assert.throws(() => new ByteReader(new Uint8Array(0), 'thing').uint8(), /cannot decode thing:/);
  });
});

function assertCorrupt(action: () => unknown): void {
  assert.throws(action, (error) => isGdpfsError(error, 'corrupt'));
}
