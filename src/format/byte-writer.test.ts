import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fc } from '../../test/support/property.ts';
import { ByteReader } from './byte-reader.ts';
import { ByteWriter } from './byte-writer.ts';

type Field =
  | { readonly kind: 'uint8' | 'uint16' | 'uint32' | 'uint64'; readonly value: number }
  | { readonly kind: 'bytes' | 'sizedBytes'; readonly value: Uint8Array };

describe('ByteWriter', () => {
  it('writes numbers with the most significant byte first', () => {
    const writer = new ByteWriter().uint8(0x01).uint16(0x0203).uint32(0x04050607);
    writer.uint64(0x08090a0b0c0d0e);
    assert.deepEqual([...writer.finish()], [1, 2, 3, 4, 5, 6, 7, 0, 8, 9, 10, 11, 12, 13, 14]);
  });

  it('writes a length before sized bytes', () => {
    const bytes = new ByteWriter().sizedBytes(Uint8Array.of(9, 8)).finish();
    assert.deepEqual([...bytes], [0, 0, 0, 2, 9, 8]);
  });

  it('writes what ByteReader reads, whatever the capacity it begins with', () => {
    fc.assert(
      fc.property(fc.array(fields(), { maxLength: 30 }), fc.nat(50), (written, capacity) => {
        const writer = new ByteWriter(capacity);
        let length = 0;
        for (const field of written) {
          assert.equal(writer.length, length);
          write(writer, field);
          length = writer.length;
        }
        const bytes = writer.finish();
        assert.equal(bytes.length, length);
        const reader = new ByteReader(bytes, 'test');
        for (const field of written) assert.deepEqual(read(reader, field), field.value);
        reader.end();
      }),
    );
  });

  it('keeps a copy of what it is given', () => {
    const given = Uint8Array.of(1, 2);
    const writer = new ByteWriter().bytes(given);
    given.fill(9);
    assert.deepEqual([...writer.finish()], [1, 2]);
  });

  it('refuses a uint64 that is no integer', () => {
    assert.throws(() => new ByteWriter().uint64(0.5), RangeError);
    assert.throws(() => new ByteWriter().uint64(Number.NaN), RangeError);
  });
});

function fields(): fc.Arbitrary<Field> {
  const bytes = fc.uint8Array({ maxLength: 300 });
  return fc.oneof(
    fc.record({ kind: fc.constant('uint8' as const), value: fc.nat(255) }),
    fc.record({ kind: fc.constant('uint16' as const), value: fc.nat(65_535) }),
    fc.record({ kind: fc.constant('uint32' as const), value: fc.nat(2 ** 32 - 1) }),
    fc.record({ kind: fc.constant('uint64' as const), value: fc.maxSafeNat() }),
    fc.record({ kind: fc.constantFrom('bytes' as const, 'sizedBytes' as const), value: bytes }),
  );
}

function write(writer: ByteWriter, field: Field): void {
  switch (field.kind) {
    case 'bytes':
    case 'sizedBytes':
      writer[field.kind](field.value);
      break;
    default:
      writer[field.kind](field.value);
  }
}

function read(reader: ByteReader, field: Field): number | Uint8Array {
  switch (field.kind) {
    case 'bytes':
      return reader.bytes(field.value.length);
    case 'sizedBytes':
      return reader.sizedBytes(300);
    default:
      return reader[field.kind]();
  }
}
